/**
 * A database with the schema in, the same with about half a million rows out: enough for the planner to tell an index look-up from
 * reading a table whole. Written straight into the base tables, with counters that are right and statistics that are fresh.
 */
import type { ClientBase } from "pg";

const ACTORS = 30_000;
const POSTS = 40_000;
const LIKES = 200_000;
const REPOSTS = 30_000;
const FOLLOWS = 80_000;
const BLOCKS = 10_000;
const DOCUMENTS = 20_000;
const FEW = 3_000;

/** What the documents' queries name. The first account has everything: posts with answers, likers, followers, lists, a letter. */
export const EXAMPLE = {
  did: "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
  handle: "atproto.com",
  post: "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3laj5ik3ovs2m",
  postKey: "3laj5ik3ovs2m",
  list: "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.graph.list/3l7jyxgkr5k2d",
  listKey: "3l7jyxgkr5k2d",
  collection: "com.whtwnd.blog.entry",
} as const;

/** Relations with fewer rows than this may be read whole; every table that grows has more. */
export const MANY = 2_000;

/** Takes about ten seconds. */
export async function loadManyRows(client: ClientBase): Promise<void> {
  for (const sql of [HELPERS, NAMES, EDGES, POSTS_AND_DOCUMENTS, ODD_ONES, COUNTERS, OPERATIONS]) {
    await client.query(sql);
  }
  await client.query("VACUUM ANALYZE");
}

/** `n % k` spreads rows evenly; these are the places where one account or post gets more than its share. */
const HELPERS = `
  CREATE FUNCTION pg_temp.tid(n int) RETURNS int8 LANGUAGE sql IMMUTABLE AS 'SELECT (1735689600000000 + n * 1000000::int8) << 10';
  CREATE FUNCTION pg_temp.created(n int) RETURNS int8 LANGUAGE sql IMMUTABLE AS 'SELECT (1735689600000000 + n * 1000000::int8) << 4';
  CREATE FUNCTION pg_temp.cid(kind text, n int) RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT sha256((kind || n)::bytea)';
  CREATE FUNCTION pg_temp.half(cid bytea, from_byte int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT encode(substr(cid, from_byte, 16), 'hex')::uuid $$;
  CREATE FUNCTION pg_temp.actor(n int) RETURNS int4 LANGUAGE sql IMMUTABLE AS
    'SELECT CASE WHEN n % 1000 = 1 THEN 1 ELSE n::int8 * 7919 % ${ACTORS} + 1 END';
  CREATE FUNCTION pg_temp.post_tid(n int) RETURNS int8 LANGUAGE sql IMMUTABLE AS
    $$ SELECT CASE WHEN n = 1 THEN standpipe.tid_value('${EXAMPLE.postKey}') ELSE pg_temp.tid(n) END $$;`;

const NAMES = `
  INSERT INTO standpipe.actor (id, did)
  SELECT n, CASE WHEN n = 1 THEN '${EXAMPLE.did}' ELSE 'did:plc:' || substr(translate(md5(n::text), '0189', 'ghij'), 1, 24) END
  FROM generate_series(1, ${ACTORS}) AS n;
  INSERT INTO standpipe.collection (id, nsid)
  SELECT 100 + n, CASE WHEN n = 0 THEN '${EXAMPLE.collection}' ELSE 'com.example.kind' || n END FROM generate_series(0, 49) AS n;
  INSERT INTO standpipe.account (actor, tick, active, status, handle)
  SELECT n, n, n % 20 <> 7, CASE WHEN n % 20 = 7 THEN 'deactivated' END, CASE WHEN n = 1 THEN '${EXAMPLE.handle}' ELSE 'a' || n || '.test' END
  FROM generate_series(1, ${ACTORS}) AS n;
  INSERT INTO standpipe.inactive_actor (actor) SELECT n FROM generate_series(1, ${ACTORS}) AS n WHERE n % 20 = 7;
  INSERT INTO standpipe.repo (rev, contiguous_from, actor) SELECT pg_temp.tid(n), 0, n FROM generate_series(1, ${ACTORS}) AS n;
  INSERT INTO standpipe.subject (tid, id, actor, collection, version, cid_1, cid_2)
  SELECT pg_temp.post_tid(n), n, pg_temp.actor(n), 5, standpipe.subject_version(c.half_1, c.half_2, 5, NULL), c.half_1, c.half_2
  FROM generate_series(1, ${POSTS}) AS n
    CROSS JOIN LATERAL (SELECT pg_temp.half(pg_temp.cid('post', n), 1) AS half_1, pg_temp.half(pg_temp.cid('post', n), 17) AS half_2) AS c;`;

/** `createdAt` is the time of the key (`created` 0). The first post gets about one like in a thousand, and one repost in three hundred. */
const EDGES = `
  INSERT INTO standpipe."like" (rkey, rev, created, actor, subject, tick, via)
  SELECT pg_temp.tid(n), pg_temp.tid(n), 0, pg_temp.actor(n), CASE WHEN n % 1009 = 0 THEN 1 ELSE n % ${POSTS} + 1 END, n,
    CASE WHEN n % 40 = 0 THEN n % ${POSTS} + 1 END FROM generate_series(1, ${LIKES}) AS n;
  INSERT INTO standpipe.repost (rkey, rev, created, actor, subject, tick, via)
  SELECT pg_temp.tid(n), pg_temp.tid(n), 0, pg_temp.actor(n), CASE WHEN n % 307 = 0 THEN 1 ELSE n % ${POSTS} + 1 END, n, NULL FROM generate_series(1, ${REPOSTS}) AS n;
  INSERT INTO standpipe.follow (rkey, rev, created, actor, subject, tick, via)
  SELECT pg_temp.tid(n), pg_temp.tid(n), 0, pg_temp.actor(n), pg_temp.actor(n + 1 + n / ${ACTORS}), n, NULL FROM generate_series(1, ${FOLLOWS}) AS n;
  INSERT INTO standpipe.block (rkey, rev, created, actor, subject, tick, via)
  SELECT pg_temp.tid(n), pg_temp.tid(n), 0, pg_temp.actor(n), pg_temp.actor(n + 5), n, NULL FROM generate_series(1, ${BLOCKS}) AS n;`;

/** Every third post is a reply, half of these to one in a thousand posts; every tenth quotes. */
const POSTS_AND_DOCUMENTS = `
  INSERT INTO standpipe.post (rkey, rev, created, actor, tick, root, parent, quote, cid, value)
  SELECT pg_temp.post_tid(n), pg_temp.tid(n), pg_temp.created(n), pg_temp.actor(n), n,
    CASE WHEN n % 3 = 0 THEN n - n % 1000 + 1 END, CASE WHEN n % 3 = 0 THEN CASE WHEN n % 2 = 0 THEN n % 40 * 1000 + 1 ELSE n - 2 END END,
    CASE WHEN n % 10 = 1 AND n > 1 THEN CASE WHEN n % 1000 = 1 THEN 1 ELSE n - 10 END END, pg_temp.cid('post', n),
    jsonb_build_object('$type', 'app.bsky.feed.post', 'text', 'post ' || n, 'langs', '["en"]'::jsonb, 'createdAt', standpipe.created_text(pg_temp.created(n)))
  FROM generate_series(1, ${POSTS}) AS n;
  INSERT INTO standpipe.document (rev, created, actor, collection, tick, rkey, cid, value)
  SELECT pg_temp.tid(n), pg_temp.created(n), n, c, n, 'self', pg_temp.cid('self', n), '{"displayName": "somebody", "policies": {}}'
  FROM generate_series(1, ${DOCUMENTS}) AS n CROSS JOIN unnest(ARRAY[6, 12]) AS c;
  INSERT INTO standpipe.document (rev, created, actor, collection, tick, rkey, cid, value)
  SELECT pg_temp.tid(n), pg_temp.created(n), pg_temp.actor(n), c, n,
    CASE WHEN n = 1 AND c = 7 THEN '${EXAMPLE.listKey}' WHEN n = 1 THEN '${EXAMPLE.postKey}' ELSE standpipe.tid_text(pg_temp.tid(n)) END,
    pg_temp.cid('document', n * 200 + c),
    jsonb_build_object('name', 'n' || n, 'purpose', 'app.bsky.graph.defs#curatelist', 'displayName', 'a feed', 'title', 'an entry', 'did', 'did:web:feed.example',
      'list', '${EXAMPLE.list}', 'post', '${EXAMPLE.post}', 'subject', CASE c WHEN 9 THEN '${EXAMPLE.list}' ELSE '${EXAMPLE.did}' END)
  FROM generate_series(1, ${DOCUMENTS}) AS n CROSS JOIN unnest(ARRAY[7, 8, 9, 10, 11, 13, 14, 15, 100]) AS c
  WHERE c IN (8, 100) OR n <= ${FEW};
  INSERT INTO standpipe.document (rev, created, actor, collection, tick, rkey, cid, value)
  SELECT pg_temp.tid(n), pg_temp.created(n), pg_temp.actor(n), 101 + n % 49, n, 'key' || n, pg_temp.cid('generic', n), '{}'
  FROM generate_series(1, ${DOCUMENTS}) AS n;`;

const ODD_ONES = `
  INSERT INTO standpipe.misfit (rev, created, actor, collection, tick, rkey, cid, problem, cbor, value)
  SELECT pg_temp.tid(n), NULL, pg_temp.actor(n), 1 + n % 15, n, 'odd' || n, pg_temp.cid('misfit', n), 'rkey is no TID', '\\xa0', '{}'
  FROM generate_series(1, ${FEW}) AS n;
  INSERT INTO standpipe.original (created, actor, collection, rkey, cbor, value)
  SELECT (rkey >> 10) * 16 + 15, actor, 1, standpipe.tid_text(rkey), '\\xa0', '{"$type": "app.bsky.feed.like", "extra": true}' FROM standpipe."like" WHERE rkey % 50 = 0 LIMIT ${FEW};
  -- As the writer does: this code of the time tells readers to look for the original.
  UPDATE standpipe."like" AS l SET created = 15, cid = sha256('\\xa0') FROM standpipe.original AS o
  WHERE o.collection = 1 AND o.actor = l.actor AND o.rkey = standpipe.tid_text(l.rkey);
  INSERT INTO standpipe.odd_actor (actor) SELECT actor FROM standpipe.misfit UNION SELECT actor FROM standpipe.original;
  INSERT INTO standpipe.tombstone (rev, actor, collection, day, rkey)
  SELECT pg_temp.tid(n), pg_temp.actor(n), 1 + n % 15, (now() AT TIME ZONE 'UTC')::date, 'gone' || n FROM generate_series(1, ${FEW}) AS n;`;

const COUNTERS = `
  INSERT INTO standpipe.subject_count (subject, likes, reposts, replies, quotes)
  SELECT subject, sum(l), sum(r), sum(p), sum(q) FROM (
    SELECT subject, 1 AS l, 0 AS r, 0 AS p, 0 AS q FROM standpipe."like" UNION ALL SELECT subject, 0, 1, 0, 0 FROM standpipe.repost
    UNION ALL SELECT parent, 0, 0, 1, 0 FROM standpipe.post WHERE parent IS NOT NULL
    UNION ALL SELECT quote, 0, 0, 0, 1 FROM standpipe.post WHERE quote IS NOT NULL) AS d GROUP BY subject;
  INSERT INTO standpipe.actor_count (actor, followers, follows, posts)
  SELECT actor, sum(a), sum(b), sum(c) FROM (
    SELECT subject AS actor, 1 AS a, 0 AS b, 0 AS c FROM standpipe.follow UNION ALL SELECT actor, 0, 1, 0 FROM standpipe.follow
    UNION ALL SELECT actor, 0, 0, 1 FROM standpipe.post) AS d GROUP BY actor;`;

const OPERATIONS = `
  INSERT INTO standpipe.dead_letter (digest, scope, reason, detail, relay, epoch, seq, did, collection, rkey, rev, action, bytes, state)
  SELECT pg_temp.cid('letter', n), 'op', CASE WHEN n % 2 = 0 THEN 'hash-mismatch' ELSE 'missing-block' END, 'made up', 'bsky.network', 1, n,
    (SELECT did FROM standpipe.actor WHERE id = pg_temp.actor(n)), 'app.bsky.feed.post', standpipe.tid_text(pg_temp.tid(n)), pg_temp.tid(n), 'create',
    '\\xa0', CASE WHEN n % 100 = 1 THEN 'open' ELSE 'applied' END FROM generate_series(1, ${FEW}) AS n;
  INSERT INTO standpipe.gap (digest, reason, relay, epoch, after_seq, before_seq, from_time, to_time, detail)
  VALUES ('\\x01', 'outdated-cursor', 'bsky.network', 1, 17, 4000, now() - interval '4 days', now() - interval '3 days', 'made up');
  INSERT INTO standpipe.relay (id, host, epoch) VALUES (1, 'bsky.network', 1);
  INSERT INTO standpipe.cursor (relay, epoch, seq, event_time, fence) VALUES ('bsky.network', 1, 5000, now(), 1);
  INSERT INTO standpipe.lane (fence, number, seq, records, event_time, applied_at, lane, lanes, relay)
  SELECT 1, 10, 5000 + n, 0, now(), now(), n, 8, 1 FROM generate_series(0, 7) AS n;`;

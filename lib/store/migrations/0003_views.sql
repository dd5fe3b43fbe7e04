-- Text forms of numbers and digests, and what people query.
--
-- The functions are single SQL expressions, so that the planner puts them in line: one with a set-returning part cost 52 µs a
-- row. The views are in the schema of the setting DATABASE_SCHEMA; the `*_row` and `*_record` views beneath them carry
-- the integer keys too, for the look-ups by URI.

-- CID v1, DAG-CBOR, SHA-256: `b`, then base32 of 01 71 12 20 and the digest. The first six characters after the `b` are
-- always the same; two zero bits are left over from the prefix.
CREATE FUNCTION standpipe.cid_text(digest bytea) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT 'bafyrei'
    || substr('abcdefghijklmnopqrstuvwxyz234567', (get_byte(digest, 0) >> 5) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (get_byte(digest, 0) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 1) >> 3) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 1) << 2) | (get_byte(digest, 2) >> 6)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 2) >> 1) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 2) << 4) | (get_byte(digest, 3) >> 4)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 3) << 1) | (get_byte(digest, 4) >> 7)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 4) >> 2) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 4) << 3) | (get_byte(digest, 5) >> 5)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (get_byte(digest, 5) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 6) >> 3) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 6) << 2) | (get_byte(digest, 7) >> 6)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 7) >> 1) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 7) << 4) | (get_byte(digest, 8) >> 4)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 8) << 1) | (get_byte(digest, 9) >> 7)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 9) >> 2) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 9) << 3) | (get_byte(digest, 10) >> 5)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (get_byte(digest, 10) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 11) >> 3) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 11) << 2) | (get_byte(digest, 12) >> 6)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 12) >> 1) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 12) << 4) | (get_byte(digest, 13) >> 4)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 13) << 1) | (get_byte(digest, 14) >> 7)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 14) >> 2) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 14) << 3) | (get_byte(digest, 15) >> 5)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (get_byte(digest, 15) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 16) >> 3) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 16) << 2) | (get_byte(digest, 17) >> 6)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 17) >> 1) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 17) << 4) | (get_byte(digest, 18) >> 4)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 18) << 1) | (get_byte(digest, 19) >> 7)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 19) >> 2) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 19) << 3) | (get_byte(digest, 20) >> 5)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (get_byte(digest, 20) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 21) >> 3) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 21) << 2) | (get_byte(digest, 22) >> 6)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 22) >> 1) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 22) << 4) | (get_byte(digest, 23) >> 4)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 23) << 1) | (get_byte(digest, 24) >> 7)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 24) >> 2) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 24) << 3) | (get_byte(digest, 25) >> 5)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (get_byte(digest, 25) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 26) >> 3) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 26) << 2) | (get_byte(digest, 27) >> 6)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 27) >> 1) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 27) << 4) | (get_byte(digest, 28) >> 4)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 28) << 1) | (get_byte(digest, 29) >> 7)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 29) >> 2) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (((get_byte(digest, 29) << 3) | (get_byte(digest, 30) >> 5)) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', (get_byte(digest, 30) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 31) >> 3) & 31) + 1, 1)
    || substr('abcdefghijklmnopqrstuvwxyz234567', ((get_byte(digest, 31) << 2) & 31) + 1, 1)
$$;

-- A TID as its 13 characters.
CREATE FUNCTION standpipe.tid_text(tid int8) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT substr('234567abcdefghijklmnopqrstuvwxyz', (((tid >> 60) & 31))::int4 + 1, 1)
    || substr('234567abcdefghijklmnopqrstuvwxyz', (((tid >> 55) & 31))::int4 + 1, 1)
    || substr('234567abcdefghijklmnopqrstuvwxyz', (((tid >> 50) & 31))::int4 + 1, 1)
    || substr('234567abcdefghijklmnopqrstuvwxyz', (((tid >> 45) & 31))::int4 + 1, 1)
    || substr('234567abcdefghijklmnopqrstuvwxyz', (((tid >> 40) & 31))::int4 + 1, 1)
    || substr('234567abcdefghijklmnopqrstuvwxyz', (((tid >> 35) & 31))::int4 + 1, 1)
    || substr('234567abcdefghijklmnopqrstuvwxyz', (((tid >> 30) & 31))::int4 + 1, 1)
    || substr('234567abcdefghijklmnopqrstuvwxyz', (((tid >> 25) & 31))::int4 + 1, 1)
    || substr('234567abcdefghijklmnopqrstuvwxyz', (((tid >> 20) & 31))::int4 + 1, 1)
    || substr('234567abcdefghijklmnopqrstuvwxyz', (((tid >> 15) & 31))::int4 + 1, 1)
    || substr('234567abcdefghijklmnopqrstuvwxyz', (((tid >> 10) & 31))::int4 + 1, 1)
    || substr('234567abcdefghijklmnopqrstuvwxyz', (((tid >> 5) & 31))::int4 + 1, 1)
    || substr('234567abcdefghijklmnopqrstuvwxyz', ((tid & 31))::int4 + 1, 1)
$$;

-- The number of a TID, NULL for any other text. A first character after `b` would set the top bit, which no TID has.
CREATE FUNCTION standpipe.tid_value(rkey text) RETURNS int8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN rkey ~ '^[234567ab][234567a-z]{12}$' THEN
    ((strpos('234567abcdefghijklmnopqrstuvwxyz', substr(rkey, 1, 1)) - 1)::int8 << 60)
    | ((strpos('234567abcdefghijklmnopqrstuvwxyz', substr(rkey, 2, 1)) - 1)::int8 << 55)
    | ((strpos('234567abcdefghijklmnopqrstuvwxyz', substr(rkey, 3, 1)) - 1)::int8 << 50)
    | ((strpos('234567abcdefghijklmnopqrstuvwxyz', substr(rkey, 4, 1)) - 1)::int8 << 45)
    | ((strpos('234567abcdefghijklmnopqrstuvwxyz', substr(rkey, 5, 1)) - 1)::int8 << 40)
    | ((strpos('234567abcdefghijklmnopqrstuvwxyz', substr(rkey, 6, 1)) - 1)::int8 << 35)
    | ((strpos('234567abcdefghijklmnopqrstuvwxyz', substr(rkey, 7, 1)) - 1)::int8 << 30)
    | ((strpos('234567abcdefghijklmnopqrstuvwxyz', substr(rkey, 8, 1)) - 1)::int8 << 25)
    | ((strpos('234567abcdefghijklmnopqrstuvwxyz', substr(rkey, 9, 1)) - 1)::int8 << 20)
    | ((strpos('234567abcdefghijklmnopqrstuvwxyz', substr(rkey, 10, 1)) - 1)::int8 << 15)
    | ((strpos('234567abcdefghijklmnopqrstuvwxyz', substr(rkey, 11, 1)) - 1)::int8 << 10)
    | ((strpos('234567abcdefghijklmnopqrstuvwxyz', substr(rkey, 12, 1)) - 1)::int8 << 5)
    | (strpos('234567abcdefghijklmnopqrstuvwxyz', substr(rkey, 13, 1)) - 1)::int8 END
$$;

-- `created` without the code of its form. Seconds and microseconds apart: an interval is multiplied as float8, which
-- holds microseconds exactly only up to the year 2255.
CREATE FUNCTION standpipe.created_at(created int8) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT timestamptz '1970-01-01 00:00:00+00' + ((created >> 4) / 1000000) * interval '1 second'
    + ((created >> 4) % 1000000) * interval '1 microsecond'
$$;

-- `createdAt` as the record has it, for the codes 0 to 5.
CREATE FUNCTION standpipe.created_text(created int8) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT to_char(standpipe.created_at(created) AT TIME ZONE 'UTC', CASE created & 15
    WHEN 0 THEN 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"' WHEN 1 THEN 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
    WHEN 2 THEN 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"' WHEN 3 THEN 'YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"'
    WHEN 4 THEN 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"' WHEN 5 THEN 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"' END)
$$;

CREATE FUNCTION standpipe.indexed_at(tick int4) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT timestamptz '2033-01-01 00:00:00+00' + tick * interval '100 milliseconds'
$$;

-- The numbers of a subject: every version (CID) that somebody pointed at.
CREATE FUNCTION standpipe.subject_ids(uri text) RETURNS int4[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT ARRAY(SELECT s.id FROM standpipe.subject AS s
    WHERE s.actor = (SELECT a.id FROM standpipe.actor AS a WHERE a.did = split_part(uri, '/', 3))
      AND s.rkey = split_part(uri, '/', 5)
      AND s.collection = (SELECT c.id FROM standpipe.collection AS c WHERE c.nsid = split_part(uri, '/', 4)))
$$;

-- A subject in words.
CREATE VIEW standpipe.subject_row AS
SELECT s.id, 'at://' || a.did || '/' || c.nsid || '/' || s.rkey AS uri, a.did, c.nsid AS collection, s.rkey, standpipe.cid_text(s.cid) AS cid
FROM standpipe.subject AS s JOIN standpipe.actor AS a ON a.id = s.actor JOIN standpipe.collection AS c ON c.id = s.collection;

-- Likes and reposts, follows and blocks: two shapes, two tables each. A record that says more than its columns (another form of
-- createdAt, fields of its own) has its JSON in `original`; the code of its time says so, and only then is it looked up.
DO $make$
DECLARE
  e record;
BEGIN
  FOR e IN SELECT * FROM (VALUES (1, 'like', 'likes', 'app.bsky.feed.like'), (2, 'repost', 'reposts', 'app.bsky.feed.repost'))
    AS x (id, base, view, nsid) LOOP
    EXECUTE format($v$
CREATE VIEW standpipe.%1$s_row AS
SELECT t.actor, t.subject, t.rkey AS tid, 'at://' || a.did || '/%3$s/' || standpipe.tid_text(t.rkey) AS uri, a.did,
  standpipe.tid_text(t.rkey) AS rkey, standpipe.cid_text(t.cid) AS cid, standpipe.tid_text(t.rev) AS rev,
  standpipe.created_at(t.created) AS created_at, standpipe.indexed_at(t.tick) AS indexed_at,
  s.uri AS subject_uri, s.did AS subject_did, s.rkey AS subject_rkey, s.cid AS subject_cid,
  (SELECT v.uri FROM standpipe.subject_row AS v WHERE v.id = t.via) AS via_uri,
  (SELECT v.cid FROM standpipe.subject_row AS v WHERE v.id = t.via) AS via_cid, t.created, t.via
FROM standpipe.%1$I AS t JOIN standpipe.actor AS a ON a.id = t.actor JOIN standpipe.subject_row AS s ON s.id = t.subject;

CREATE VIEW standpipe.%1$s_record AS
SELECT t.actor, t.tid, t.uri, t.did, '%3$s'::text AS collection, t.rkey, t.cid, t.rev, t.indexed_at,
  CASE WHEN t.created & 15 < 15 THEN
    jsonb_build_object('$type', '%3$s', 'subject', jsonb_build_object('uri', t.subject_uri, 'cid', t.subject_cid),
      'createdAt', standpipe.created_text(t.created))
    || CASE WHEN t.via IS NULL THEN '{}' ELSE jsonb_build_object('via', jsonb_build_object('uri', t.via_uri, 'cid', t.via_cid)) END
  ELSE (SELECT o.value FROM standpipe.original AS o WHERE o.actor = t.actor AND o.collection = %2$s AND o.rkey = t.rkey) END AS value
FROM standpipe.%1$s_row AS t;

CREATE VIEW {{schema}}.%4$I AS
SELECT t.uri, t.did, t.rkey, t.cid, t.rev, t.created_at, t.indexed_at, t.subject_uri, t.subject_did, t.subject_rkey, t.subject_cid,
  t.via_uri, t.via_cid
FROM standpipe.%1$s_row AS t WHERE NOT EXISTS (SELECT 1 FROM standpipe.inactive_actor AS i WHERE i.actor = t.actor);

CREATE FUNCTION {{schema}}.%4$s_of(uri text) RETURNS SETOF {{schema}}.%4$I LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT t.uri, t.did, t.rkey, t.cid, t.rev, t.created_at, t.indexed_at, t.subject_uri, t.subject_did, t.subject_rkey, t.subject_cid,
    t.via_uri, t.via_cid
  FROM standpipe.%1$s_row AS t WHERE t.subject = ANY (standpipe.subject_ids($1))
    AND NOT EXISTS (SELECT 1 FROM standpipe.inactive_actor AS i WHERE i.actor = t.actor)
$$
    $v$, e.base, e.id, e.nsid, e.view);
  END LOOP;
  FOR e IN SELECT * FROM (VALUES (3, 'follow', 'follows', 'app.bsky.graph.follow'), (4, 'block', 'blocks', 'app.bsky.graph.block'))
    AS x (id, base, view, nsid) LOOP
    EXECUTE format($v$
CREATE VIEW standpipe.%1$s_row AS
SELECT t.actor, t.subject, t.rkey AS tid, 'at://' || a.did || '/%3$s/' || standpipe.tid_text(t.rkey) AS uri, a.did,
  standpipe.tid_text(t.rkey) AS rkey, standpipe.cid_text(t.cid) AS cid, standpipe.tid_text(t.rev) AS rev,
  standpipe.created_at(t.created) AS created_at, standpipe.indexed_at(t.tick) AS indexed_at,
  NULL::text AS subject_uri, s.did AS subject_did, NULL::text AS subject_rkey, NULL::text AS subject_cid,
  (SELECT v.uri FROM standpipe.subject_row AS v WHERE v.id = t.via) AS via_uri,
  (SELECT v.cid FROM standpipe.subject_row AS v WHERE v.id = t.via) AS via_cid, t.created, t.via
FROM standpipe.%1$I AS t JOIN standpipe.actor AS a ON a.id = t.actor JOIN standpipe.actor AS s ON s.id = t.subject;

CREATE VIEW standpipe.%1$s_record AS
SELECT t.actor, t.tid, t.uri, t.did, '%3$s'::text AS collection, t.rkey, t.cid, t.rev, t.indexed_at,
  CASE WHEN t.created & 15 < 15 THEN
    jsonb_build_object('$type', '%3$s', 'subject', t.subject_did, 'createdAt', standpipe.created_text(t.created))
    || CASE WHEN t.via IS NULL THEN '{}' ELSE jsonb_build_object('via', jsonb_build_object('uri', t.via_uri, 'cid', t.via_cid)) END
  ELSE (SELECT o.value FROM standpipe.original AS o WHERE o.actor = t.actor AND o.collection = %2$s AND o.rkey = t.rkey) END AS value
FROM standpipe.%1$s_row AS t;

CREATE VIEW {{schema}}.%4$I AS
SELECT t.uri, t.did, t.rkey, t.cid, t.rev, t.created_at, t.indexed_at, t.subject_uri, t.subject_did, t.subject_rkey, t.subject_cid,
  t.via_uri, t.via_cid
FROM standpipe.%1$s_row AS t WHERE NOT EXISTS (SELECT 1 FROM standpipe.inactive_actor AS i WHERE i.actor = t.actor)
    $v$, e.base, e.id, e.nsid, e.view);
  END LOOP;
END $make$;

CREATE FUNCTION {{schema}}.followers_of(did text) RETURNS SETOF {{schema}}.follows LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT t.uri, t.did, t.rkey, t.cid, t.rev, t.created_at, t.indexed_at, t.subject_uri, t.subject_did, t.subject_rkey, t.subject_cid,
    t.via_uri, t.via_cid
  FROM standpipe.follow_row AS t WHERE t.subject = (SELECT a.id FROM standpipe.actor AS a WHERE a.did = $1)
    AND NOT EXISTS (SELECT 1 FROM standpipe.inactive_actor AS i WHERE i.actor = t.actor)
$$;

CREATE VIEW standpipe.post_row AS
SELECT t.actor, t.parent, t.quote, t.rkey AS tid, 'at://' || a.did || '/app.bsky.feed.post/' || standpipe.tid_text(t.rkey) AS uri, a.did,
  standpipe.tid_text(t.rkey) AS rkey, standpipe.cid_text(t.cid) AS cid, standpipe.tid_text(t.rev) AS rev,
  standpipe.created_at(t.created) AS created_at, standpipe.indexed_at(t.tick) AS indexed_at, t.value ->> 'text' AS text,
  CASE WHEN jsonb_typeof(t.value -> 'langs') = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(t.value -> 'langs')) END AS langs,
  -- Sub-selects, not joins: nine more tables to order would make planning a look-up ten times dearer than running it.
  (SELECT s.uri FROM standpipe.subject_row AS s WHERE s.id = t.root) AS reply_root_uri,
  (SELECT s.uri FROM standpipe.subject_row AS s WHERE s.id = t.parent) AS reply_parent_uri,
  (SELECT s.uri FROM standpipe.subject_row AS s WHERE s.id = t.quote) AS quote_uri, t.value
FROM standpipe.post AS t JOIN standpipe.actor AS a ON a.id = t.actor;

CREATE VIEW standpipe.post_record AS
SELECT t.actor, t.tid, t.uri, t.did, 'app.bsky.feed.post'::text AS collection, t.rkey, t.cid, t.rev, t.indexed_at, t.value
FROM standpipe.post_row AS t;

CREATE VIEW {{schema}}.posts AS
SELECT t.uri, t.did, t.rkey, t.cid, t.rev, t.created_at, t.indexed_at, t.text, t.langs, t.reply_root_uri, t.reply_parent_uri, t.quote_uri, t.value
FROM standpipe.post_row AS t WHERE NOT EXISTS (SELECT 1 FROM standpipe.inactive_actor AS i WHERE i.actor = t.actor);

CREATE FUNCTION {{schema}}.replies_to(uri text) RETURNS SETOF {{schema}}.posts LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT t.uri, t.did, t.rkey, t.cid, t.rev, t.created_at, t.indexed_at, t.text, t.langs, t.reply_root_uri, t.reply_parent_uri, t.quote_uri, t.value
  FROM standpipe.post_row AS t WHERE t.parent = ANY (standpipe.subject_ids($1))
    AND NOT EXISTS (SELECT 1 FROM standpipe.inactive_actor AS i WHERE i.actor = t.actor)
$$;

CREATE FUNCTION {{schema}}.quotes_of(uri text) RETURNS SETOF {{schema}}.posts LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT t.uri, t.did, t.rkey, t.cid, t.rev, t.created_at, t.indexed_at, t.text, t.langs, t.reply_root_uri, t.reply_parent_uri, t.quote_uri, t.value
  FROM standpipe.post_row AS t WHERE t.quote = ANY (standpipe.subject_ids($1))
    AND NOT EXISTS (SELECT 1 FROM standpipe.inactive_actor AS i WHERE i.actor = t.actor)
$$;

-- Documents: one shape; each view adds the columns that its lexicon gives reason for.
DO $make$
DECLARE
  d record;
BEGIN
  FOR d IN SELECT * FROM (VALUES
    ('profile', 'profiles', $c$ t.value ->> 'displayName' AS display_name, t.value ->> 'description' AS description,
      t.value -> 'avatar' -> 'ref' ->> '$link' AS avatar_cid, t.value -> 'banner' -> 'ref' ->> '$link' AS banner_cid,
      t.value -> 'pinnedPost' ->> 'uri' AS pinned_post_uri $c$),
    ('list', 'lists', $c$ t.value ->> 'name' AS name, t.value ->> 'purpose' AS purpose, t.value ->> 'description' AS description $c$),
    ('list_item', 'list_items', $c$ NULL::text AS subject_uri, t.value ->> 'subject' AS subject_did, NULL::text AS subject_rkey,
      NULL::text AS subject_cid, t.value ->> 'list' AS list_uri $c$),
    ('list_block', 'list_blocks', $c$ t.value ->> 'subject' AS subject_uri, substring(t.value ->> 'subject' from '^at://(did:[^/]+)') AS subject_did,
      substring(t.value ->> 'subject' from '^at://[^/]+/[^/]+/([^/]+)') AS subject_rkey, NULL::text AS subject_cid $c$),
    ('feed_generator', 'feed_generators', $c$ t.value ->> 'did' AS service_did, t.value ->> 'displayName' AS display_name,
      t.value ->> 'description' AS description $c$),
    ('starter_pack', 'starter_packs', $c$ t.value ->> 'name' AS name, t.value ->> 'description' AS description, t.value ->> 'list' AS list_uri $c$),
    ('labeler_service', 'labeler_services', $c$ t.value -> 'policies' AS policies $c$),
    ('verification', 'verifications', $c$ NULL::text AS subject_uri, t.value ->> 'subject' AS subject_did, NULL::text AS subject_rkey,
      NULL::text AS subject_cid, t.value ->> 'handle' AS handle, t.value ->> 'displayName' AS display_name $c$),
    ('thread_gate', 'thread_gates', $c$ t.value ->> 'post' AS subject_uri, substring(t.value ->> 'post' from '^at://(did:[^/]+)') AS subject_did,
      substring(t.value ->> 'post' from '^at://[^/]+/[^/]+/([^/]+)') AS subject_rkey, NULL::text AS subject_cid, t.value -> 'allow' AS allow,
      t.value -> 'hiddenReplies' AS hidden_replies $c$),
    ('post_gate', 'post_gates', $c$ t.value ->> 'post' AS subject_uri, substring(t.value ->> 'post' from '^at://(did:[^/]+)') AS subject_did,
      substring(t.value ->> 'post' from '^at://[^/]+/[^/]+/([^/]+)') AS subject_rkey, NULL::text AS subject_cid, t.value -> 'embeddingRules' AS embedding_rules,
      t.value -> 'detachedEmbeddingUris' AS detached_embedding_uris $c$)
    ) AS x (base, view, columns) LOOP
    EXECUTE format($v$
CREATE VIEW {{schema}}.%2$I AS
SELECT 'at://' || a.did || '/' || c.nsid || '/' || t.rkey AS uri, a.did, t.rkey, standpipe.cid_text(t.cid) AS cid,
  standpipe.tid_text(t.rev) AS rev, standpipe.created_at(t.created) AS created_at, standpipe.indexed_at(t.tick) AS indexed_at, %3$s, t.value
FROM standpipe.%1$I AS t JOIN standpipe.actor AS a ON a.id = t.actor JOIN standpipe.collection AS c ON c.id = t.collection
WHERE NOT EXISTS (SELECT 1 FROM standpipe.inactive_actor AS i WHERE i.actor = t.actor)
    $v$, d.base, d.view, d.columns);
  END LOOP;
END $make$;

-- People know accounts by their handles.
CREATE INDEX account_handle ON standpipe.account (handle);

CREATE VIEW {{schema}}.users AS
SELECT a.did, t.handle, t.active, t.status, standpipe.indexed_at(t.tick) AS indexed_at
FROM standpipe.account AS t JOIN standpipe.actor AS a ON a.id = t.actor;

-- As generic_collection: both are read for the records of one collection.
CREATE INDEX misfit_collection ON standpipe.misfit (collection, actor);

CREATE VIEW standpipe.generic_row AS
SELECT t.actor, 'at://' || a.did || '/' || c.nsid || '/' || t.rkey AS uri, a.did, c.nsid AS collection, t.rkey,
  standpipe.cid_text(t.cid) AS cid, standpipe.tid_text(t.rev) AS rev, standpipe.created_at(t.created) AS created_at,
  standpipe.indexed_at(t.tick) AS indexed_at, t.value, t.problem, t.cbor
FROM (SELECT g.actor, g.collection, g.rkey, g.cid, g.rev, g.created, g.tick, g.value, NULL::text AS problem, NULL::bytea AS cbor
      FROM standpipe.generic AS g
      UNION ALL
      SELECT m.actor, m.collection, m.rkey, m.cid, m.rev, m.created, m.tick, m.value, m.problem, m.cbor FROM standpipe.misfit AS m) AS t
  JOIN standpipe.actor AS a ON a.id = t.actor JOIN standpipe.collection AS c ON c.id = t.collection;

CREATE VIEW {{schema}}.generic_records AS
SELECT t.uri, t.did, t.collection, t.rkey, t.cid, t.rev, t.created_at, t.indexed_at, t.value, t.problem, t.cbor
FROM standpipe.generic_row AS t WHERE NOT EXISTS (SELECT 1 FROM standpipe.inactive_actor AS i WHERE i.actor = t.actor);

CREATE VIEW standpipe.document_record AS
SELECT t.actor, t.collection AS collection_id, 'at://' || a.did || '/' || c.nsid || '/' || t.rkey AS uri, a.did, c.nsid AS collection, t.rkey,
  standpipe.cid_text(t.cid) AS cid, standpipe.tid_text(t.rev) AS rev, standpipe.indexed_at(t.tick) AS indexed_at, t.value
FROM standpipe.document AS t JOIN standpipe.actor AS a ON a.id = t.actor JOIN standpipe.collection AS c ON c.id = t.collection;

CREATE VIEW standpipe.misfit_record AS
SELECT t.actor, t.collection AS collection_id, 'at://' || a.did || '/' || c.nsid || '/' || t.rkey AS uri, a.did, c.nsid AS collection, t.rkey,
  standpipe.cid_text(t.cid) AS cid, standpipe.tid_text(t.rev) AS rev, standpipe.indexed_at(t.tick) AS indexed_at, t.value
FROM standpipe.misfit AS t JOIN standpipe.actor AS a ON a.id = t.actor JOIN standpipe.collection AS c ON c.id = t.collection;

CREATE VIEW standpipe.every_record AS
          SELECT actor, uri, did, collection, rkey, cid, rev, indexed_at, value FROM standpipe.like_record
UNION ALL SELECT actor, uri, did, collection, rkey, cid, rev, indexed_at, value FROM standpipe.repost_record
UNION ALL SELECT actor, uri, did, collection, rkey, cid, rev, indexed_at, value FROM standpipe.follow_record
UNION ALL SELECT actor, uri, did, collection, rkey, cid, rev, indexed_at, value FROM standpipe.block_record
UNION ALL SELECT actor, uri, did, collection, rkey, cid, rev, indexed_at, value FROM standpipe.post_record
UNION ALL SELECT actor, uri, did, collection, rkey, cid, rev, indexed_at, value FROM standpipe.document_record
UNION ALL SELECT actor, uri, did, collection, rkey, cid, rev, indexed_at, value FROM standpipe.misfit_record;

CREATE VIEW {{schema}}.all_records AS
SELECT r.uri, r.did, r.collection, r.rkey, r.cid, r.rev, r.indexed_at, r.value FROM standpipe.every_record AS r;

CREATE VIEW {{schema}}.records AS
SELECT r.uri, r.did, r.collection, r.rkey, r.cid, r.rev, r.indexed_at, r.value FROM standpipe.every_record AS r
WHERE NOT EXISTS (SELECT 1 FROM standpipe.inactive_actor AS i WHERE i.actor = r.actor);

CREATE FUNCTION {{schema}}.record(uri text) RETURNS SETOF {{schema}}.records LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT r.uri, r.did, r.collection, r.rkey, r.cid, r.rev, r.indexed_at, r.value FROM (
    SELECT actor, t.uri, did, collection, rkey, cid, rev, indexed_at, value FROM standpipe.like_record AS t
    WHERE actor = (SELECT a.id FROM standpipe.actor AS a WHERE a.did = split_part($1, '/', 3))
      AND split_part($1, '/', 4) = 'app.bsky.feed.like' AND tid = standpipe.tid_value(split_part($1, '/', 5))
    UNION ALL
    SELECT actor, t.uri, did, collection, rkey, cid, rev, indexed_at, value FROM standpipe.repost_record AS t
    WHERE actor = (SELECT a.id FROM standpipe.actor AS a WHERE a.did = split_part($1, '/', 3))
      AND split_part($1, '/', 4) = 'app.bsky.feed.repost' AND tid = standpipe.tid_value(split_part($1, '/', 5))
    UNION ALL
    SELECT actor, t.uri, did, collection, rkey, cid, rev, indexed_at, value FROM standpipe.follow_record AS t
    WHERE actor = (SELECT a.id FROM standpipe.actor AS a WHERE a.did = split_part($1, '/', 3))
      AND split_part($1, '/', 4) = 'app.bsky.graph.follow' AND tid = standpipe.tid_value(split_part($1, '/', 5))
    UNION ALL
    SELECT actor, t.uri, did, collection, rkey, cid, rev, indexed_at, value FROM standpipe.block_record AS t
    WHERE actor = (SELECT a.id FROM standpipe.actor AS a WHERE a.did = split_part($1, '/', 3))
      AND split_part($1, '/', 4) = 'app.bsky.graph.block' AND tid = standpipe.tid_value(split_part($1, '/', 5))
    UNION ALL
    SELECT actor, t.uri, did, collection, rkey, cid, rev, indexed_at, value FROM standpipe.post_record AS t
    WHERE actor = (SELECT a.id FROM standpipe.actor AS a WHERE a.did = split_part($1, '/', 3))
      AND split_part($1, '/', 4) = 'app.bsky.feed.post' AND tid = standpipe.tid_value(split_part($1, '/', 5))
    UNION ALL
    SELECT actor, t.uri, did, collection, rkey, cid, rev, indexed_at, value FROM standpipe.document_record AS t
    WHERE actor = (SELECT a.id FROM standpipe.actor AS a WHERE a.did = split_part($1, '/', 3))
      AND collection_id = (SELECT c.id FROM standpipe.collection AS c WHERE c.nsid = split_part($1, '/', 4)) AND rkey = split_part($1, '/', 5)
    UNION ALL
    SELECT actor, t.uri, did, collection, rkey, cid, rev, indexed_at, value FROM standpipe.misfit_record AS t
    WHERE actor = (SELECT a.id FROM standpipe.actor AS a WHERE a.did = split_part($1, '/', 3))
      AND collection_id = (SELECT c.id FROM standpipe.collection AS c WHERE c.nsid = split_part($1, '/', 4)) AND rkey = split_part($1, '/', 5)
  ) AS r
  WHERE NOT EXISTS (SELECT 1 FROM standpipe.inactive_actor AS i WHERE i.actor = r.actor)
$$;

-- Counted by version of the subject, shown by URI. What has come down to nothing is left out.
CREATE VIEW {{schema}}.post_counts AS
SELECT 'at://' || a.did || '/' || c.nsid || '/' || s.rkey AS uri, a.did, sum(n.likes)::int4 AS likes, sum(n.reposts)::int4 AS reposts,
  sum(n.replies)::int4 AS replies, sum(n.quotes)::int4 AS quotes
FROM standpipe.subject_count AS n JOIN standpipe.subject AS s ON s.id = n.subject
  JOIN standpipe.actor AS a ON a.id = s.actor JOIN standpipe.collection AS c ON c.id = s.collection
GROUP BY a.did, c.nsid, s.rkey
HAVING sum(n.likes) <> 0 OR sum(n.reposts) <> 0 OR sum(n.replies) <> 0 OR sum(n.quotes) <> 0;

CREATE VIEW {{schema}}.actor_counts AS
SELECT a.did, n.followers, n.follows, n.posts
FROM standpipe.actor_count AS n JOIN standpipe.actor AS a ON a.id = n.actor
WHERE n.followers <> 0 OR n.follows <> 0 OR n.posts <> 0;

-- The counts of one URI, by index.
CREATE FUNCTION {{schema}}.counts_of(uri text) RETURNS SETOF {{schema}}.post_counts LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT $1, split_part($1, '/', 3), coalesce(sum(n.likes), 0)::int4, coalesce(sum(n.reposts), 0)::int4, coalesce(sum(n.replies), 0)::int4,
    coalesce(sum(n.quotes), 0)::int4
  FROM standpipe.subject_count AS n WHERE n.subject = ANY (standpipe.subject_ids($1))
$$;

CREATE INDEX dead_letter_did ON standpipe.dead_letter (did);

CREATE VIEW {{schema}}.dead_letters AS
SELECT d.id, d.state, d.written_at, d.scope, d.reason, d.detail, d.relay, d.epoch, d.seq, d.did, d.collection, d.rkey,
  'at://' || d.did || '/' || d.collection || '/' || d.rkey AS uri, standpipe.tid_text(d.rev) AS rev, d.action, d.event_time, d.bytes,
  d.attempts, d.last_answer, d.closed_at
FROM standpipe.dead_letter AS d;

CREATE VIEW {{schema}}.gaps AS
SELECT g.id, g.recorded_at, g.reason, g.relay, g.epoch, g.after_seq, g.before_seq, g.from_time, g.to_time, g.detail FROM standpipe.gap AS g;

CREATE VIEW {{schema}}.firehose_cursor AS
SELECT coalesce(c.relay, r.host) AS relay, coalesce(c.epoch, r.epoch) AS epoch, c.seq AS cursor, c.event_time AS cursor_time, c.saved_at,
  l.lane, l.seq AS applied_seq, l.event_time AS applied_time, l.applied_at, l.fence, l.number AS pack_number
FROM standpipe.cursor AS c
  FULL JOIN (standpipe.lane AS l JOIN standpipe.relay AS r ON r.id = l.relay) ON r.host = c.relay AND r.epoch = c.epoch;

-- What people read of each view, column and function: \d+ shows it, and docs/schema.md is made from it (scripts/schema-docs.ts).
-- Later rows win: `*` is every view that has such a column.

DO $make$
DECLARE
  c record;
BEGIN
  FOR c IN SELECT x.*, v.relname FROM (VALUES
    (1, '*', 'uri', 'Address of the record, at://did/collection/rkey. Computed, so that a look-up by it reads everything: use record(uri => …).'),
    (2, '*', 'did', 'Account in whose repository the record is. Indexed.'),
    (3, '*', 'collection', 'NSID of the record''s collection.'),
    (4, '*', 'rkey', 'Record key, the last part of the URI. Indexed after did, in views of JSON records.'),
    (5, '*', 'cid', 'CID of this version of the record.'),
    (6, '*', 'rev', 'TID of the commit that wrote this version.'),
    (7, '*', 'created_at', 'createdAt as the author wrote it: any date at all. NULL where it is missing or no time.'),
    (8, '*', 'indexed_at', 'When Standpipe wrote this version, by its own clock, to the tenth of a second.'),
    (9, '*', 'value', 'The record as JSON: links as {"$link": …}, bytes as {"$bytes": …}, U+0000 as U+FFFD.'),

    (20, 'likes', 'rkey', 'Record key, the last part of the URI: a TID, so that its order is that of time.'),
    (20, 'reposts', 'rkey', 'Record key, the last part of the URI: a TID, so that its order is that of time.'),
    (20, 'follows', 'rkey', 'Record key, the last part of the URI: a TID, so that its order is that of time.'),
    (20, 'blocks', 'rkey', 'Record key, the last part of the URI: a TID, so that its order is that of time.'),
    (20, 'posts', 'rkey', 'Record key, the last part of the URI: a TID, so that its order is that of time.'),

    (30, 'likes', 'subject_uri', 'What is liked: a post, a feed generator, anything. Computed: use likes_of(uri).'),
    (30, 'likes', 'subject_did', 'Account whose record is liked. Indexed.'),
    (30, 'likes', 'subject_rkey', 'Record key of what is liked.'),
    (30, 'likes', 'subject_cid', 'The version that was liked; later versions have other CIDs.'),
    (30, 'likes', 'via_uri', 'The repost through which it was found. NULL where the record names none.'),
    (30, 'likes', 'via_cid', 'Version of that repost. NULL with via_uri.'),
    (30, 'reposts', 'subject_uri', 'What is reposted. Computed: use reposts_of(uri).'),
    (30, 'reposts', 'subject_did', 'Account whose record is reposted. Indexed.'),
    (30, 'reposts', 'subject_rkey', 'Record key of what is reposted.'),
    (30, 'reposts', 'subject_cid', 'The version that was reposted; later versions have other CIDs.'),
    (30, 'reposts', 'via_uri', 'The repost through which it was found. NULL where the record names none.'),
    (30, 'reposts', 'via_cid', 'Version of that repost. NULL with via_uri.'),
    (30, 'follows', 'subject_uri', 'NULL: the subject is an account, not a record.'),
    (30, 'follows', 'subject_did', 'Account that is followed. Indexed.'),
    (30, 'follows', 'subject_rkey', 'NULL: the subject is an account, not a record.'),
    (30, 'follows', 'subject_cid', 'NULL: the subject is an account, not a record.'),
    (30, 'follows', 'via_uri', 'What it was found through, such as a starter pack. NULL where the record names nothing.'),
    (30, 'follows', 'via_cid', 'Version of that record. NULL with via_uri.'),
    (30, 'blocks', 'subject_uri', 'NULL: the subject is an account, not a record.'),
    (30, 'blocks', 'subject_did', 'Account that is blocked. Indexed.'),
    (30, 'blocks', 'subject_rkey', 'NULL: the subject is an account, not a record.'),
    (30, 'blocks', 'subject_cid', 'NULL: the subject is an account, not a record.'),
    (30, 'blocks', 'via_uri', 'As in follows; clients write none at present.'),
    (30, 'blocks', 'via_cid', 'NULL with via_uri.'),

    (30, 'posts', 'text', 'Text of the post, with U+0000 as U+FFFD.'),
    (30, 'posts', 'langs', 'Languages as the client said, such as {en,de}. NULL where it said nothing.'),
    (30, 'posts', 'reply_root_uri', 'First post of the thread. NULL where this is no reply, or names it by handle.'),
    (30, 'posts', 'reply_parent_uri', 'Post that this one answers. NULL where this is no reply, or names it by handle. Computed: use replies_to(uri).'),
    (30, 'posts', 'quote_uri', 'Record that this post embeds: a post, a list, a feed generator. NULL where it embeds none. Computed: use quotes_of(uri).'),

    (30, 'profiles', 'display_name', 'Name that the account shows. NULL where it has none.'),
    (30, 'profiles', 'description', 'What the account says of itself. NULL where it says nothing.'),
    (30, 'profiles', 'avatar_cid', 'CID of the avatar''s blob. NULL where there is none.'),
    (30, 'profiles', 'banner_cid', 'CID of the banner''s blob. NULL where there is none.'),
    (30, 'profiles', 'pinned_post_uri', 'Post pinned to the profile. NULL where there is none.'),

    (30, 'lists', 'name', 'Name of the list.'),
    (30, 'lists', 'purpose', 'Such as app.bsky.graph.defs#modlist or #curatelist.'),
    (30, 'lists', 'description', 'Description of the list. NULL where there is none.'),
    (30, 'list_items', 'subject_uri', 'NULL: the subject is an account, not a record.'),
    (30, 'list_items', 'subject_did', 'Account that is on the list.'),
    (30, 'list_items', 'subject_rkey', 'NULL: the subject is an account, not a record.'),
    (30, 'list_items', 'subject_cid', 'NULL: the subject is an account, not a record.'),
    (30, 'list_items', 'list_uri', 'List that it is an entry of. Items are in the repository of the list''s owner, so ask with did.'),
    (30, 'list_blocks', 'subject_uri', 'List whose accounts are blocked.'),
    (30, 'list_blocks', 'subject_did', 'Owner of that list. NULL where the URI names none by DID.'),
    (30, 'list_blocks', 'subject_rkey', 'Record key of that list. NULL where the URI has none.'),
    (30, 'list_blocks', 'subject_cid', 'NULL: the record names no version.'),

    (30, 'feed_generators', 'service_did', 'Service that answers for the feed.'),
    (30, 'feed_generators', 'display_name', 'Name of the feed.'),
    (30, 'feed_generators', 'description', 'Description of the feed. NULL where there is none.'),
    (30, 'starter_packs', 'name', 'Name of the starter pack.'),
    (30, 'starter_packs', 'description', 'Description of the starter pack. NULL where there is none.'),
    (30, 'starter_packs', 'list_uri', 'List of the accounts in it.'),
    (30, 'labeler_services', 'policies', 'Labels that it gives, and what they mean.'),

    (30, 'verifications', 'subject_uri', 'NULL: the subject is an account, not a record.'),
    (30, 'verifications', 'subject_did', 'Account that is verified.'),
    (30, 'verifications', 'subject_rkey', 'NULL: the subject is an account, not a record.'),
    (30, 'verifications', 'subject_cid', 'NULL: the subject is an account, not a record.'),
    (30, 'verifications', 'handle', 'Handle at the time of verification: void once it changes.'),
    (30, 'verifications', 'display_name', 'Display name at the time of verification: void once it changes.'),

    (30, 'thread_gates', 'subject_uri', 'Post whose replies are limited; has the same did and rkey as the gate.'),
    (30, 'thread_gates', 'subject_did', 'Author of that post. NULL where the URI names none by DID.'),
    (30, 'thread_gates', 'subject_rkey', 'Record key of that post. NULL where the URI has none.'),
    (30, 'thread_gates', 'subject_cid', 'NULL: the record names no version.'),
    (30, 'thread_gates', 'allow', 'Rules of who may reply: an empty array is nobody, NULL is everybody.'),
    (30, 'thread_gates', 'hidden_replies', 'Array of URIs of replies that the author hides. NULL where there is none.'),
    (30, 'post_gates', 'subject_uri', 'Post whose embedding is limited; has the same did and rkey as the gate.'),
    (30, 'post_gates', 'subject_did', 'Author of that post. NULL where the URI names none by DID.'),
    (30, 'post_gates', 'subject_rkey', 'Record key of that post. NULL where the URI has none.'),
    (30, 'post_gates', 'subject_cid', 'NULL: the record names no version.'),
    (30, 'post_gates', 'embedding_rules', 'Rules of who may embed it. NULL where there is none.'),
    (30, 'post_gates', 'detached_embedding_uris', 'Array of URIs of posts whose quote the author has detached. NULL where there is none.'),

    (30, 'generic_records', 'collection', 'NSID of the record''s collection. Indexed.'),
    (30, 'generic_records', 'created_at', 'createdAt as the author wrote it: any date at all. NULL where it is missing or no time, or there is a problem.'),
    (30, 'generic_records', 'value', 'The record as JSON: links as {"$link": …}, bytes as {"$bytes": …}, U+0000 as U+FFFD. NULL where its bytes are no DAG-CBOR.'),
    (30, 'generic_records', 'problem', 'Why the view of its collection cannot show it. NULL for collections without a view.'),
    (30, 'generic_records', 'cbor', 'The record''s own bytes, where there is a problem. NULL otherwise.'),

    (40, 'records', 'value', 'The record as JSON: links as {"$link": …}, bytes as {"$bytes": …}, U+0000 as U+FFFD. NULL where its bytes are no DAG-CBOR.'),
    (40, 'all_records', 'value', 'The record as JSON: links as {"$link": …}, bytes as {"$bytes": …}, U+0000 as U+FFFD. NULL where its bytes are no DAG-CBOR.'),

    (50, 'users', 'did', 'The account. Indexed.'),
    (50, 'users', 'handle', 'Handle as last announced, not verified. NULL until an #identity event carried one. Indexed.'),
    (50, 'users', 'active', 'Whether its records are shown. True until an #account event says otherwise.'),
    (50, 'users', 'status', 'Why not, such as deactivated, takendown, suspended, deleted: any text. NULL where none was given.'),
    (50, 'users', 'indexed_at', 'When its last #account or #identity event was applied (before the first: when the account was first seen), to the tenth of a second.'),

    (60, 'post_counts', 'uri', 'What is counted. Computed: use counts_of(uri).'),
    (60, 'post_counts', 'did', 'Account whose record is counted. Indexed.'),
    (60, 'post_counts', 'likes', 'Records in likes that name it, all versions together.'),
    (60, 'post_counts', 'reposts', 'Records in reposts that name it.'),
    (60, 'post_counts', 'replies', 'Posts that answer it directly.'),
    (60, 'post_counts', 'quotes', 'Posts that embed it.'),
    (60, 'actor_counts', 'did', 'The account. Indexed.'),
    (60, 'actor_counts', 'followers', 'Follows that name it.'),
    (60, 'actor_counts', 'follows', 'Follows that it holds.'),
    (60, 'actor_counts', 'posts', 'Posts that it holds, replies included.'),

    (70, 'dead_letters', 'id', 'What standpipe dead-letters retry takes.'),
    (70, 'dead_letters', 'state', 'open, applied (a retry succeeded) or superseded (the same path was written later).'),
    (70, 'dead_letters', 'written_at', 'When it was set aside.'),
    (70, 'dead_letters', 'scope', 'What was set aside: op (one record of a commit), event, frame, pack.'),
    (70, 'dead_letters', 'reason', 'Such as missing-block, hash-mismatch, broken-envelope, future-rev, refused-by-database, killed-its-process.'),
    (70, 'dead_letters', 'detail', 'What exactly, for a person.'),
    (70, 'dead_letters', 'relay', 'Host of the relay that sent it.'),
    (70, 'dead_letters', 'epoch', 'Which numbering of that relay: 1, and one more each time it began anew.'),
    (70, 'dead_letters', 'seq', 'Its number there; of an undecodable frame the one before it. NULL where it was not known.'),
    (70, 'dead_letters', 'did', 'Account. NULL where it could not be read. Indexed.'),
    (70, 'dead_letters', 'collection', 'NSID. NULL but for ops.'),
    (70, 'dead_letters', 'rkey', 'Record key. NULL but for ops.'),
    (70, 'dead_letters', 'uri', 'The record''s address. NULL but for ops.'),
    (70, 'dead_letters', 'rev', 'TID of the commit. NULL but for ops.'),
    (70, 'dead_letters', 'action', 'create, update or delete. NULL but for ops.'),
    (70, 'dead_letters', 'event_time', 'The sender''s time of the event. NULL where it was not readable.'),
    (70, 'dead_letters', 'bytes', 'What came over the wire, or the record alone. Of several faulty ops of one commit the first has the frame. NULL where only the event''s own form was kept.'),
    (70, 'dead_letters', 'attempts', 'How often it was retried.'),
    (70, 'dead_letters', 'last_answer', 'How the last retry ended. NULL before the first.'),
    (70, 'dead_letters', 'closed_at', 'When it stopped being open. NULL while it is.'),

    (70, 'gaps', 'id', 'Counts up.'),
    (70, 'gaps', 'recorded_at', 'When it was noticed.'),
    (70, 'gaps', 'reason', 'outdated-cursor, relay-switch, new-epoch or missing-pack.'),
    (70, 'gaps', 'relay', 'Host of the relay.'),
    (70, 'gaps', 'epoch', 'Which numbering of that relay.'),
    (70, 'gaps', 'after_seq', 'Last number before the gap. NULL where it is not known.'),
    (70, 'gaps', 'before_seq', 'First number after it. NULL where it is not known.'),
    (70, 'gaps', 'from_time', 'Time of the last event before it. NULL where it is not known.'),
    (70, 'gaps', 'to_time', 'Time of the first event after it. NULL where it is not known.'),
    (70, 'gaps', 'detail', 'What happened, for a person.'),

    (70, 'firehose_cursor', 'relay', 'Host of the relay.'),
    (70, 'firehose_cursor', 'epoch', 'Which numbering of that relay.'),
    (70, 'firehose_cursor', 'cursor', 'Everything up to this number is durable: reading goes on after it. NULL before the first save.'),
    (70, 'firehose_cursor', 'cursor_time', 'The sender''s time at the cursor. NULL where none was readable.'),
    (70, 'firehose_cursor', 'saved_at', 'When the cursor was saved.'),
    (70, 'firehose_cursor', 'lane', 'The lane that the columns after it are about. NULL before its first pack.'),
    (70, 'firehose_cursor', 'applied_seq', 'Last number of this lane that is in the database: may be ahead of the cursor.'),
    (70, 'firehose_cursor', 'applied_time', 'The sender''s time of that event.'),
    (70, 'firehose_cursor', 'applied_at', 'When that was.'),
    (70, 'firehose_cursor', 'fence', 'Which ingester wrote its last pack: each new one has a greater number.'),
    (70, 'firehose_cursor', 'pack_number', 'That pack''s number in the lane under this fence.')
    ) AS x (turn, view, name, comment)
    JOIN pg_catalog.pg_class AS v ON v.relkind = 'v' AND v.relnamespace = '{{schema}}'::regnamespace AND (x.view = '*' OR v.relname = x.view)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = v.oid AND a.attname = x.name
    WHERE v.relname IN ('users', 'profiles', 'posts', 'likes', 'reposts', 'follows', 'blocks', 'lists', 'list_items', 'list_blocks', 'feed_generators',
      'starter_packs', 'labeler_services', 'verifications', 'thread_gates', 'post_gates', 'generic_records', 'records', 'all_records', 'post_counts',
      'actor_counts', 'dead_letters', 'gaps', 'firehose_cursor')
    ORDER BY x.turn
  LOOP
    EXECUTE format('COMMENT ON COLUMN {{schema}}.%I.%I IS %L', c.relname, c.name, c.comment);
  END LOOP;
END $make$;

COMMENT ON VIEW {{schema}}.users IS 'Every account of which an event was seen.';
COMMENT ON VIEW {{schema}}.profiles IS 'app.bsky.actor.profile: at most one an account.';
COMMENT ON VIEW {{schema}}.posts IS 'app.bsky.feed.post.';
COMMENT ON VIEW {{schema}}.likes IS 'app.bsky.feed.like.';
COMMENT ON VIEW {{schema}}.reposts IS 'app.bsky.feed.repost.';
COMMENT ON VIEW {{schema}}.follows IS 'app.bsky.graph.follow.';
COMMENT ON VIEW {{schema}}.blocks IS 'app.bsky.graph.block.';
COMMENT ON VIEW {{schema}}.lists IS 'app.bsky.graph.list.';
COMMENT ON VIEW {{schema}}.list_items IS 'app.bsky.graph.listitem: who is on a list.';
COMMENT ON VIEW {{schema}}.list_blocks IS 'app.bsky.graph.listblock: blocks of all that are on a list.';
COMMENT ON VIEW {{schema}}.feed_generators IS 'app.bsky.feed.generator.';
COMMENT ON VIEW {{schema}}.starter_packs IS 'app.bsky.graph.starterpack.';
COMMENT ON VIEW {{schema}}.labeler_services IS 'app.bsky.labeler.service: at most one an account.';
COMMENT ON VIEW {{schema}}.verifications IS 'app.bsky.graph.verification.';
COMMENT ON VIEW {{schema}}.thread_gates IS 'app.bsky.feed.threadgate: who may reply.';
COMMENT ON VIEW {{schema}}.post_gates IS 'app.bsky.feed.postgate: who may embed.';
COMMENT ON VIEW {{schema}}.generic_records IS 'Every other collection, and the records that the view of their collection cannot show.';
COMMENT ON VIEW {{schema}}.records IS 'Every record of every collection whose account is active.';
COMMENT ON VIEW {{schema}}.all_records IS 'Every record of every collection, whatever the state of its account.';
COMMENT ON VIEW {{schema}}.post_counts IS 'Counters of everything that was liked, reposted, answered or quoted, whether it is there or not.';
COMMENT ON VIEW {{schema}}.actor_counts IS 'Counters of accounts, whether they are there or not.';
COMMENT ON VIEW {{schema}}.dead_letters IS 'What could not be applied, kept with its bytes and the reason.';
COMMENT ON VIEW {{schema}}.gaps IS 'Spans of the stream that may be missing.';
COMMENT ON VIEW {{schema}}.firehose_cursor IS 'How far each relay was read, and how far each lane was applied: one row a lane.';

COMMENT ON FUNCTION {{schema}}.record(text) IS 'The record at a URI, or no row. With a literal the name of the argument has to be said: record is also the name of a type.';
COMMENT ON FUNCTION {{schema}}.likes_of(text) IS 'Likes of the record at a URI, of all its versions.';
COMMENT ON FUNCTION {{schema}}.likes_of(text, int4, text) IS 'A page of them, the latest first: at most max, and with before => the uri of a page''s last row the next page.';
COMMENT ON FUNCTION {{schema}}.reposts_of(text) IS 'Reposts of the record at a URI, of all its versions.';
COMMENT ON FUNCTION {{schema}}.reposts_of(text, int4, text) IS 'A page of them, the latest first, as of likes_of.';
COMMENT ON FUNCTION {{schema}}.replies_to(text) IS 'Posts that answer the post at a URI directly.';
COMMENT ON FUNCTION {{schema}}.replies_to(text, int4, text) IS 'A page of them, the latest first, as of likes_of.';
COMMENT ON FUNCTION {{schema}}.quotes_of(text) IS 'Posts that embed the record at a URI.';
COMMENT ON FUNCTION {{schema}}.quotes_of(text, int4, text) IS 'A page of them, the latest first, as of likes_of.';
COMMENT ON FUNCTION {{schema}}.followers_of(text) IS 'Follows that name the account.';
COMMENT ON FUNCTION {{schema}}.followers_of(text, int4, text) IS 'A page of them, the latest first, as of likes_of.';
COMMENT ON FUNCTION {{schema}}.counts_of(text) IS 'Counters of the record at a URI: always one row, of zeros where nothing is counted.';

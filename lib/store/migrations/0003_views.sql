-- Text forms of numbers and digests, and what people query.
--
-- Texts of CIDs and TIDs are made by PL/pgSQL, which can name what it has in hand: as single expressions they were four times as dear
-- to run, and, put in line dozens of times, tens of milliseconds to plan. What is short is a single SQL expression, which the planner puts
-- in line. All are PARALLEL SAFE, so that reading a whole view uses the workers that the server allows.
--
-- The views are in the schema of the setting DATABASE_SCHEMA; the `*_row` and `*_record` views beneath them carry
-- the integer keys too, for the look-ups by URI, and a row's `place` (ctid).

-- Base32 eight digits at a time: a bigint has room for eight, one a byte, and the usual operators work on all of them at once.
-- First 40 bits are spread, five to a byte. Then each byte becomes the code of its digit, with no carry from one to the next. The two
-- are apart because each mentions its argument often: give them variables, never expressions.
CREATE FUNCTION standpipe.base32_digits(bits int8) RETURNS int8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ((bits << 21) & x'1f00000000000000'::int8) | ((bits << 18) & x'001f000000000000'::int8)
    | ((bits << 15) & x'00001f0000000000'::int8) | ((bits << 12) & x'0000001f00000000'::int8)
    | ((bits << 9) & x'000000001f000000'::int8) | ((bits << 6) & x'00000000001f0000'::int8)
    | ((bits << 3) & x'0000000000001f00'::int8) | (bits & x'000000000000001f'::int8)
$$;

-- The alphabet of CIDs, a–z and 2–7: a digit below 26 plus 97, others plus 24. 57 minus the digit has its sixth bit (0x20) set just where it is a letter.
CREATE FUNCTION standpipe.cid_codes(digits int8) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT int8send(digits + x'1818181818181818'::int8 + (((x'3939393939393939'::int8 - digits) & x'2020202020202020'::int8) >> 5) * (97 - 24))
$$;

-- The alphabet of TIDs, 2–7 and a–z: a digit below 6 plus 50, others plus 91. 37 minus the digit has its sixth bit set just where it is no letter.
CREATE FUNCTION standpipe.tid_codes(digits int8) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT int8send(digits + x'5b5b5b5b5b5b5b5b'::int8 - (((x'2525252525252525'::int8 - digits) & x'2020202020202020'::int8) >> 5) * (91 - 50))
$$;

-- Five bytes from `at` on, as one number.
CREATE FUNCTION standpipe.five_bytes(bytes bytea, at int4) RETURNS int8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (get_byte(bytes, at)::int8 << 32) | (get_byte(bytes, at + 1)::int8 << 24)
    | ((get_byte(bytes, at + 2) << 16) | (get_byte(bytes, at + 3) << 8) | get_byte(bytes, at + 4))
$$;

-- CID v1, DAG-CBOR, SHA-256: `b`, then base32 of 01 71 12 20 and the digest. 01 71 12 20 are six digits, always the same, and two zero bits.
-- With these the first byte makes two digits, the last one, with two zero bits after it, two as well, and every five bytes between eight.
CREATE FUNCTION standpipe.cid_text(digest bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  bits_0 int8 := (get_byte(digest, 0)::int8 << 10) | (get_byte(digest, 31) << 2);
  bits_1 int8 := standpipe.five_bytes(digest, 1);
  bits_2 int8 := standpipe.five_bytes(digest, 6);
  bits_3 int8 := standpipe.five_bytes(digest, 11);
  bits_4 int8 := standpipe.five_bytes(digest, 16);
  bits_5 int8 := standpipe.five_bytes(digest, 21);
  bits_6 int8 := standpipe.five_bytes(digest, 26);
  digits_0 int8 := standpipe.base32_digits(bits_0);
  digits_1 int8 := standpipe.base32_digits(bits_1);
  digits_2 int8 := standpipe.base32_digits(bits_2);
  digits_3 int8 := standpipe.base32_digits(bits_3);
  digits_4 int8 := standpipe.base32_digits(bits_4);
  digits_5 int8 := standpipe.base32_digits(bits_5);
  digits_6 int8 := standpipe.base32_digits(bits_6);
  ends bytea := standpipe.cid_codes(digits_0);
BEGIN
  RETURN 'bafyrei' || encode(substr(ends, 5, 2) || standpipe.cid_codes(digits_1) || standpipe.cid_codes(digits_2) || standpipe.cid_codes(digits_3)
    || standpipe.cid_codes(digits_4) || standpipe.cid_codes(digits_5) || standpipe.cid_codes(digits_6) || substr(ends, 7, 2), 'escape');
END $$;

-- A TID as its 13 characters: five of the upper bits, eight of the lower 40.
CREATE FUNCTION standpipe.tid_text(tid int8) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
  upper int8 := tid >> 40;
  upper_digits int8 := standpipe.base32_digits(upper);
  lower_digits int8 := standpipe.base32_digits(tid);
BEGIN
  RETURN encode(substr(standpipe.tid_codes(upper_digits), 4) || standpipe.tid_codes(lower_digits), 'escape');
END $$;

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

-- The same of an edge, whose row has the distance from the rkey's time, in milliseconds or, in the forms 2 and 5, in microseconds. Whole numbers
-- below 2^53, as an rkey's microseconds are, come through the multiplication unharmed.
CREATE FUNCTION standpipe.edge_created_at(rkey int8, created int4) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT timestamptz '1970-01-01 00:00:00+00' + CASE WHEN created & 15 IN (2, 5) THEN ((rkey >> 10) + (created >> 4)) * interval '1 microsecond'
    ELSE ((rkey >> 10) / 1000 + (created >> 4)) * interval '1 millisecond' END
$$;

CREATE FUNCTION standpipe.edge_created_text(rkey int8, created int4) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT to_char(standpipe.edge_created_at(rkey, created) AT TIME ZONE 'UTC', CASE created & 15
    WHEN 0 THEN 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"' WHEN 1 THEN 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
    WHEN 2 THEN 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"' WHEN 3 THEN 'YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"'
    WHEN 4 THEN 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"' WHEN 5 THEN 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"' END)
$$;

-- The time of an edge whose row leaves it to the original bytes. PL/pgSQL: a sub-select would keep parallel workers away from the view.
CREATE FUNCTION standpipe.original_created_at(actor int4, collection int4, rkey int8) RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN (SELECT standpipe.created_at(o.created) FROM standpipe.original AS o
    WHERE o.actor = original_created_at.actor AND o.collection = original_created_at.collection
      AND o.rkey = standpipe.tid_text(original_created_at.rkey));
END $$;

CREATE FUNCTION standpipe.indexed_at(tick int4) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT timestamptz '2033-01-01 00:00:00+00' + tick * interval '100 milliseconds'
$$;

-- The numbers of a subject: every version (CID) that somebody pointed at. The conditions begin with the columns of the unique index, but for the version.
CREATE FUNCTION standpipe.subject_ids(uri text) RETURNS int4[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT ARRAY(SELECT s.id FROM standpipe.subject AS s
    WHERE s.tid = coalesce(standpipe.tid_value(split_part(uri, '/', 5)), standpipe.key_hash(split_part(uri, '/', 5)))
      AND (s.key IS NULL OR s.key = split_part(uri, '/', 5))
      AND s.actor = (SELECT a.id FROM standpipe.actor AS a WHERE a.did = split_part(uri, '/', 3))
      AND s.collection = (SELECT c.id FROM standpipe.collection AS c WHERE c.nsid = split_part(uri, '/', 4)))
$$;

-- A subject in words.
CREATE VIEW standpipe.subject_row AS
SELECT s.id, 'at://' || a.did || '/' || c.nsid || '/' || coalesce(s.key, standpipe.tid_text(s.tid)) AS uri, a.did, c.nsid AS collection,
  coalesce(s.key, standpipe.tid_text(s.tid)) AS rkey, standpipe.cid_text(uuid_send(s.cid_1) || uuid_send(s.cid_2)) AS cid
FROM standpipe.subject AS s JOIN standpipe.actor AS a ON a.id = s.actor JOIN standpipe.collection AS c ON c.id = s.collection;

-- The same of one, for columns that are seldom filled: STRICT spares nearly every row the look-up, and functions spare the planner a join of
-- three tables for each mention.
CREATE FUNCTION standpipe.subject_uri(subject int4) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE STRICT AS $$
BEGIN
  RETURN (SELECT s.uri FROM standpipe.subject_row AS s WHERE s.id = subject);
END $$;

CREATE FUNCTION standpipe.subject_cid(subject int4) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE STRICT AS $$
BEGIN
  RETURN (SELECT standpipe.cid_text(uuid_send(s.cid_1) || uuid_send(s.cid_2)) FROM standpipe.subject AS s WHERE s.id = subject);
END $$;

-- Below: the CID of a like, repost, follow or block in its lexicon's plain form, of which none is stored. It is the hash of the record's
-- DAG-CBOR, which has one form only: keys with fewer bytes first, lengths in the fewest bytes. What counts as plain is said by
-- lib/core/collections/edge.ts.

-- A text (below 64 KiB, and a URI has at most 8): its length, then its UTF-8. Give it a variable, not an expression. STABLE, as
-- convert_to is: said to be IMMUTABLE, it would not be put in line, and cost three times as much.
CREATE FUNCTION standpipe.cbor_text(t text) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN octet_length(t) < 24 THEN set_byte('\x60', 0, 96 + octet_length(t))
    WHEN octet_length(t) < 256 THEN set_byte('\x7800', 1, octet_length(t))
    ELSE set_byte(set_byte('\x790000', 1, octet_length(t) >> 8), 2, octet_length(t) & 255) END || convert_to(t, 'UTF8')
$$;

-- A strongRef, {cid, uri}; the text of a CID has 59 (0x3b) characters.
CREATE FUNCTION standpipe.cbor_ref(uri text, cid text) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT '\xa263636964783b'::bytea || convert_to(cid, 'UTF8') || '\x63757269'::bytea || standpipe.cbor_text(uri)
$$;

-- SHA-256 of {via?, $type, subject, createdAt}. Without `subject_cid` the subject is an account, `subject` its DID.
CREATE FUNCTION standpipe.edge_digest(type text, rkey int8, created int4, subject text, subject_cid text, via int4) RETURNS bytea
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  created_at text := standpipe.edge_created_text(rkey, created);
  via_uri text;
  via_cid text;
BEGIN
  IF via IS NOT NULL THEN
    SELECT s.uri, s.cid INTO via_uri, via_cid FROM standpipe.subject_row AS s WHERE s.id = via;
  END IF;
  RETURN sha256(CASE WHEN via IS NULL THEN '\xa3'::bytea ELSE '\xa463766961'::bytea || standpipe.cbor_ref(via_uri, via_cid) END
    || '\x652474797065'::bytea || standpipe.cbor_text(type)
    || '\x677375626a656374'::bytea || CASE WHEN subject_cid IS NULL THEN standpipe.cbor_text(subject) ELSE standpipe.cbor_ref(subject, subject_cid) END
    || '\x69637265617465644174'::bytea || standpipe.cbor_text(created_at));
END $$;

-- Likes and reposts, follows and blocks: two shapes, two tables each. A record that says more than its columns (another form of
-- createdAt, fields of its own) has its JSON in `original`; the code of its time says so, and only then is it looked up.
--
-- LEFT JOIN, though the subject is always there: of what may be missing the planner makes a text where it reads the row, once, and not at each of
-- its two mentions (that cid_text is not STRICT is a part of this). A sub-query in LATERAL would do so too, but no parallel worker may run one, and
-- no worker a sub-select with a condition on the row around it: hence the functions for `via`.
DO $make$
DECLARE
  e record;
BEGIN
  FOR e IN SELECT * FROM (VALUES (1, 'like', 'likes', 'app.bsky.feed.like'), (2, 'repost', 'reposts', 'app.bsky.feed.repost'))
    AS x (id, base, view, nsid) LOOP
    EXECUTE format($v$
CREATE VIEW standpipe.%1$s_row AS
SELECT t.ctid AS place, t.actor, t.subject, t.rkey AS tid, 'at://' || a.did || '/%3$s/' || standpipe.tid_text(t.rkey) AS uri, a.did,
  standpipe.tid_text(t.rkey) AS rkey, standpipe.cid_text(coalesce(t.cid, standpipe.edge_digest('%3$s', t.rkey, t.created, s.uri, s.cid, t.via))) AS cid,
  standpipe.tid_text(t.rev) AS rev,
  CASE WHEN t.created & 15 < 15 THEN standpipe.edge_created_at(t.rkey, t.created)
    ELSE standpipe.original_created_at(t.actor, %2$s, t.rkey) END AS created_at,
  standpipe.indexed_at(t.tick) AS indexed_at,
  s.uri AS subject_uri, s.did AS subject_did, s.rkey AS subject_rkey, s.cid AS subject_cid,
  standpipe.subject_uri(t.via) AS via_uri, standpipe.subject_cid(t.via) AS via_cid, t.created, t.via
FROM standpipe.%1$I AS t JOIN standpipe.actor AS a ON a.id = t.actor LEFT JOIN standpipe.subject_row AS s ON s.id = t.subject;

CREATE VIEW standpipe.%1$s_record AS
SELECT t.actor, t.tid, t.uri, t.did, '%3$s'::text AS collection, t.rkey, t.cid, t.rev, t.indexed_at,
  CASE WHEN t.created & 15 < 15 THEN
    jsonb_build_object('$type', '%3$s', 'subject', jsonb_build_object('uri', t.subject_uri, 'cid', t.subject_cid),
      'createdAt', standpipe.edge_created_text(t.tid, t.created))
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
SELECT t.ctid AS place, t.actor, t.subject, t.rkey AS tid, 'at://' || a.did || '/%3$s/' || standpipe.tid_text(t.rkey) AS uri, a.did,
  standpipe.tid_text(t.rkey) AS rkey, standpipe.cid_text(coalesce(t.cid, standpipe.edge_digest('%3$s', t.rkey, t.created, s.did, NULL, t.via))) AS cid,
  standpipe.tid_text(t.rev) AS rev,
  CASE WHEN t.created & 15 < 15 THEN standpipe.edge_created_at(t.rkey, t.created)
    ELSE standpipe.original_created_at(t.actor, %2$s, t.rkey) END AS created_at,
  standpipe.indexed_at(t.tick) AS indexed_at,
  NULL::text AS subject_uri, s.did AS subject_did, NULL::text AS subject_rkey, NULL::text AS subject_cid,
  standpipe.subject_uri(t.via) AS via_uri, standpipe.subject_cid(t.via) AS via_cid, t.created, t.via
FROM standpipe.%1$I AS t JOIN standpipe.actor AS a ON a.id = t.actor JOIN standpipe.actor AS s ON s.id = t.subject;

CREATE VIEW standpipe.%1$s_record AS
SELECT t.actor, t.tid, t.uri, t.did, '%3$s'::text AS collection, t.rkey, t.cid, t.rev, t.indexed_at,
  CASE WHEN t.created & 15 < 15 THEN
    jsonb_build_object('$type', '%3$s', 'subject', t.subject_did, 'createdAt', standpipe.edge_created_text(t.tid, t.created))
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
SELECT t.ctid AS place, t.actor, t.parent, t.quote, t.rkey AS tid, 'at://' || a.did || '/app.bsky.feed.post/' || standpipe.tid_text(t.rkey) AS uri, a.did,
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

-- A page, the latest first: of each version of the subject the index gives the latest spans of four and a half minutes in order; the rows of one are
-- sorted, and only what is in the page becomes text. Through the view's text the planner cannot see that order, and a post with 100,000 likes would
-- be sorted whole. Ties of rkey are ordered by account, so that no row falls between two pages.
-- Where a row lies says which it is for as long as the statement lasts, and spares looking it up by its key once more.
-- Not in line: planning takes longer than a page, and this way a session does it once. The plan for given values would be another one each time.
DO $make$
DECLARE
  p record;
BEGIN
  FOR p IN SELECT * FROM (VALUES
    ('likes_of', 'like', 'subject', 'likes', 'uri', 'standpipe.subject_ids($1)'),
    ('reposts_of', 'repost', 'subject', 'reposts', 'uri', 'standpipe.subject_ids($1)'),
    ('replies_to', 'post', 'parent', 'posts', 'uri', 'standpipe.subject_ids($1)'),
    ('quotes_of', 'post', 'quote', 'posts', 'uri', 'standpipe.subject_ids($1)'),
    ('followers_of', 'follow', 'subject', 'follows', 'did', 'ARRAY(SELECT a.id FROM standpipe.actor AS a WHERE a.did = $1)')
    ) AS x (name, base, pointer, view, argument, ids) LOOP
    EXECUTE format($v$
CREATE FUNCTION {{schema}}.%1$I(%5$I text, max int4, before text DEFAULT NULL) RETURNS SETOF {{schema}}.%4$I
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  ids int4[] := %6$s;
  last_rkey int8 := 9223372036854775807;
  last_actor int4 := 2147483647;
BEGIN
  IF nullif($3, '') IS NOT NULL THEN
    last_rkey := standpipe.tid_value(split_part($3, '/', 5));
    last_actor := (SELECT a.id FROM standpipe.actor AS a WHERE a.did = split_part($3, '/', 3));
  END IF;
  RETURN QUERY SELECT %7$s
  FROM (SELECT e.place, e.rkey, e.actor FROM unnest(ids) AS s (id)
    CROSS JOIN LATERAL (SELECT l.ctid AS place, l.rkey, l.actor FROM standpipe.%2$I AS l
      WHERE l.%3$I = s.id AND (l.rkey >> 38)::int4 <= (last_rkey >> 38)::int4 AND l.rkey <= last_rkey
        AND (l.rkey < last_rkey OR l.actor < last_actor)
        AND NOT EXISTS (SELECT 1 FROM standpipe.inactive_actor AS i WHERE i.actor = l.actor)
      ORDER BY (l.rkey >> 38)::int4 DESC, l.rkey DESC, l.actor DESC LIMIT $2) AS e
    ORDER BY e.rkey DESC, e.actor DESC LIMIT $2) AS page
  JOIN standpipe.%2$s_row AS t ON t.place = page.place
  ORDER BY page.rkey DESC, page.actor DESC;
END $$
    $v$, p.name, p.base, p.pointer, p.view, p.argument, p.ids,
      (SELECT string_agg('t.' || quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_catalog.pg_attribute AS a
       WHERE a.attrelid = format('{{schema}}.%I', p.view)::regclass AND a.attnum > 0));
  END LOOP;
END $make$;

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

-- In PL/pgSQL, because a union of all tables takes longer to plan than to read: this reads one table, by a plan that the session keeps.
CREATE FUNCTION {{schema}}.record(uri text) RETURNS SETOF {{schema}}.records LANGUAGE plpgsql STABLE PARALLEL SAFE STRICT ROWS 1 AS $$
#variable_conflict use_column
DECLARE
  nsid text := split_part($1, '/', 4);
  key text := split_part($1, '/', 5);
  number int8 := standpipe.tid_value(key);
  author int4 := (SELECT a.id FROM standpipe.actor AS a WHERE a.did = split_part($1, '/', 3)
    AND NOT EXISTS (SELECT 1 FROM standpipe.inactive_actor AS i WHERE i.actor = a.id));
  nsid_id int4 := (SELECT c.id FROM standpipe.collection AS c WHERE c.nsid = split_part($1, '/', 4));
BEGIN
  IF author IS NULL OR nsid_id IS NULL THEN
    RETURN;
  END IF;
  CASE nsid_id
    WHEN 1 THEN RETURN QUERY SELECT r.uri, r.did, r.collection, r.rkey, r.cid, r.rev, r.indexed_at, r.value
      FROM standpipe.like_record AS r WHERE r.actor = author AND r.tid = number;
    WHEN 2 THEN RETURN QUERY SELECT r.uri, r.did, r.collection, r.rkey, r.cid, r.rev, r.indexed_at, r.value
      FROM standpipe.repost_record AS r WHERE r.actor = author AND r.tid = number;
    WHEN 3 THEN RETURN QUERY SELECT r.uri, r.did, r.collection, r.rkey, r.cid, r.rev, r.indexed_at, r.value
      FROM standpipe.follow_record AS r WHERE r.actor = author AND r.tid = number;
    WHEN 4 THEN RETURN QUERY SELECT r.uri, r.did, r.collection, r.rkey, r.cid, r.rev, r.indexed_at, r.value
      FROM standpipe.block_record AS r WHERE r.actor = author AND r.tid = number;
    WHEN 5 THEN RETURN QUERY SELECT r.uri, r.did, r.collection, r.rkey, r.cid, r.rev, r.indexed_at, r.value
      FROM standpipe.post_record AS r WHERE r.actor = author AND r.tid = number;
    ELSE RETURN QUERY SELECT r.uri, r.did, r.collection, r.rkey, r.cid, r.rev, r.indexed_at, r.value
      FROM standpipe.document_record AS r WHERE r.actor = author AND r.collection_id = nsid_id AND r.rkey = key;
  END CASE;
  IF NOT FOUND THEN
    RETURN QUERY SELECT r.uri, r.did, r.collection, r.rkey, r.cid, r.rev, r.indexed_at, r.value
    FROM standpipe.misfit_record AS r WHERE r.actor = author AND r.collection_id = nsid_id AND r.rkey = key;
  END IF;
END $$;

-- Counted by version of the subject, shown by URI. What has come down to nothing is left out.
CREATE VIEW {{schema}}.post_counts AS
SELECT 'at://' || a.did || '/' || c.nsid || '/' || coalesce(s.key, standpipe.tid_text(s.tid)) AS uri, a.did, sum(n.likes)::int4 AS likes, sum(n.reposts)::int4 AS reposts,
  sum(n.replies)::int4 AS replies, sum(n.quotes)::int4 AS quotes
FROM standpipe.subject_count AS n JOIN standpipe.subject AS s ON s.id = n.subject
  JOIN standpipe.actor AS a ON a.id = s.actor JOIN standpipe.collection AS c ON c.id = s.collection
GROUP BY a.did, c.nsid, s.tid, s.key
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

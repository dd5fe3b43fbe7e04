-- What a consumer calls. Decisions (what is new, what is a repeat, what wins) are made by lib/core/choice.ts and lib/core/plan.ts from what
-- lock_batch returns; these functions only carry them out, in a fixed number of set-based statements.
--
-- Batches do not deadlock: every transaction takes its locks in the same order of phases (lanes, repos, accounts, records, counters), and
-- sorted inside each phase. Names and subjects have transactions of their own before it (resolve).
--
-- Two settings on each function keep the cost of a batch the same while the tables grow from nothing to billions of
-- rows: plans are generic (no planning a call), and only index look-ups are allowed, since a plan made while a table was
-- empty would otherwise go on scanning it. For the same reason "is not there yet" is asked by a sub-select for each row: of NOT EXISTS the planner
-- makes a join, which over a table that was analyzed while it was empty reads all of it, each time.

-- A dictionary that gave fewer numbers than it was asked for has a sequence behind its rows (a restore of data alone, a
-- logical upgrade). Going on would give records to the wrong account; 55000 is told as trouble that passes once it is mended.
CREATE FUNCTION standpipe.check_numbers(dictionary text, got int4, wanted int4) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
  IF got IS DISTINCT FROM wanted THEN
    RAISE EXCEPTION 'standpipe.% gave % numbers for % names: its sequence is behind its rows', dictionary, coalesce(got, 0), wanted
      USING ERRCODE = '55000',
        HINT = format('SELECT setval(pg_get_serial_sequence(''standpipe.%1$s'', ''id''), (SELECT max(id) FROM standpipe.%1$s))', dictionary);
  END IF;
END $$;

-- How many elements are NULL.
CREATE FUNCTION standpipe.nulls(ids int4[]) RETURNS int4 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT cardinality(ids) - cardinality(array_remove(ids, NULL))
$$;

-- The numbers of DIDs, in the order given: NULL for those that have none.
CREATE FUNCTION standpipe.find_actors(dids text[]) RETURNS int4[] LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (SELECT array_agg((SELECT a.id FROM standpipe.actor AS a WHERE a.did = u.did) ORDER BY u.at)
    FROM unnest(dids) WITH ORDINALITY AS u (did, at));
END $$;

-- The numbers of subjects, in the order given, those of them that are known: NULL for the others. `step`: how many places after the one
-- that a CID hashes to.
CREATE FUNCTION standpipe.find_subjects(
  actors int4[], collections int4[], tids int8[], keys text[], versions int4[], cid_1s uuid[], cid_2s uuid[], step int4, known int4[])
RETURNS int4[] LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (SELECT array_agg(coalesce(u.known, (SELECT s.id FROM standpipe.subject AS s
      WHERE s.tid = u.tid AND s.actor = u.actor AND s.version = u.version + step
        AND s.cid_1 = u.cid_1 AND s.cid_2 = u.cid_2 AND s.collection = u.collection AND s.key IS NOT DISTINCT FROM u.key)) ORDER BY u.at)
    FROM unnest(actors, collections, tids, keys, versions, cid_1s, cid_2s, known)
      WITH ORDINALITY AS u (actor, collection, tid, key, version, cid_1, cid_2, known, at));
END $$;

-- Numbers of DIDs, of NSIDs and of subjects, in the order given (each at most once). They are looked up first, because ON CONFLICT alone
-- burns a number for every conflict; what is new gets the next numbers and is added, sorted, and is looked up only where somebody else
-- has added one of it meanwhile. A transaction of its own, before the one that uses the
-- numbers: whoever adds a name holds it until the commit, and others who need it wait. It is durable before anybody uses a number: one that
-- a server had lost would be given to somebody else, and a pooler may hide from us that the server was away.
--
-- A subject names its account and its collection by number, or, below zero, by their place in `dids` and `nsids`; its rkey by `tid`, or, where
-- it is none, by `key`. It has the version that its CID hashes to, or, where that place was taken by another, the first free one after it;
-- since none is ever removed, looking in the same order finds it again.
CREATE FUNCTION standpipe.resolve(
  dids text[], nsids text[], of_actor int4[], of_collection int4[], of_tid int8[], of_key text[], cid_1s uuid[], cid_2s uuid[],
  OUT actors int4[], OUT collections int4[], OUT subjects int4[])
LANGUAGE plpgsql SET lock_timeout = '30s' SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  versions int4[];
  numbered int4[];
  added int4;
BEGIN
  IF cardinality(dids) > 0 THEN
    actors := standpipe.find_actors(dids);
    IF array_position(actors, NULL) IS NOT NULL THEN
      SELECT array_agg(coalesce(u.known, nextval('standpipe.actor_id_seq')::int4) ORDER BY u.at) INTO numbered
      FROM unnest(actors) WITH ORDINALITY AS u (known, at);
      INSERT INTO standpipe.actor (id, did) SELECT u.id, u.did FROM unnest(dids, actors, numbered) AS u (did, known, id)
      WHERE u.known IS NULL ORDER BY u.did COLLATE "C" ON CONFLICT DO NOTHING;
      GET DIAGNOSTICS added = ROW_COUNT;
      actors := CASE WHEN added = standpipe.nulls(actors) THEN numbered ELSE standpipe.find_actors(dids) END;
    END IF;
    PERFORM standpipe.check_numbers('actor', cardinality(dids) - standpipe.nulls(actors), cardinality(dids));
  END IF;
  IF cardinality(nsids) > 0 THEN
    INSERT INTO standpipe.collection (nsid)
    SELECT u.nsid FROM unnest(nsids) AS u (nsid)
    WHERE NOT EXISTS (SELECT 1 FROM standpipe.collection AS c WHERE c.nsid = u.nsid)
    ORDER BY u.nsid COLLATE "C"
    ON CONFLICT DO NOTHING;
    SELECT array_agg(c.id ORDER BY u.at) INTO collections
    FROM unnest(nsids) WITH ORDINALITY AS u (nsid, at) JOIN standpipe.collection AS c ON c.nsid = u.nsid;
    PERFORM standpipe.check_numbers('collection', cardinality(collections), cardinality(nsids));
  END IF;
  IF cardinality(of_actor) = 0 THEN RETURN; END IF;
  -- By position: joining two unnested lists would be quadratic under a generic plan.
  SELECT array_agg(CASE WHEN u.actor < 0 THEN actors[-u.actor] ELSE u.actor END ORDER BY u.at),
    array_agg(CASE WHEN u.collection < 0 THEN collections[-u.collection] ELSE u.collection END ORDER BY u.at),
    array_agg(coalesce(u.tid, standpipe.key_hash(u.key)) ORDER BY u.at),
    array_agg(standpipe.subject_version(u.cid_1, u.cid_2, CASE WHEN u.collection < 0 THEN collections[-u.collection] ELSE u.collection END, u.key) ORDER BY u.at)
  INTO of_actor, of_collection, of_tid, versions
  FROM unnest(of_actor, of_collection, of_tid, of_key, cid_1s, cid_2s) WITH ORDINALITY AS u (actor, collection, tid, key, cid_1, cid_2, at);
  FOR step IN 0 .. 99 LOOP
    subjects := standpipe.find_subjects(of_actor, of_collection, of_tid, of_key, versions, cid_1s, cid_2s, step, subjects);
    EXIT WHEN array_position(subjects, NULL) IS NULL;
    SELECT array_agg(coalesce(u.known, nextval('standpipe.subject_id_seq')::int4) ORDER BY u.at) INTO numbered
    FROM unnest(subjects) WITH ORDINALITY AS u (known, at);
    INSERT INTO standpipe.subject (tid, id, actor, collection, version, cid_1, cid_2, key)
    SELECT u.tid, u.id, u.actor, u.collection, u.version + step, u.cid_1, u.cid_2, u.key
    FROM unnest(of_actor, of_collection, of_tid, of_key, versions, cid_1s, cid_2s, subjects, numbered)
      AS u (actor, collection, tid, key, version, cid_1, cid_2, known, id)
    WHERE u.known IS NULL
    ORDER BY u.tid, u.actor, u.version, u.cid_1, u.cid_2
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    IF added = standpipe.nulls(subjects) THEN
      subjects := numbered;
      EXIT;
    END IF;
    subjects := standpipe.find_subjects(of_actor, of_collection, of_tid, of_key, versions, cid_1s, cid_2s, step, subjects);
    EXIT WHEN array_position(subjects, NULL) IS NULL;
    -- Its place is free, and yet it was not added: the number was taken.
    IF EXISTS (SELECT 1 FROM unnest(of_actor, of_tid, versions, subjects) AS u (actor, tid, version, known)
        WHERE u.known IS NULL AND (SELECT 1 FROM standpipe.subject AS s
          WHERE s.tid = u.tid AND s.actor = u.actor AND s.version = u.version + step) IS NULL) THEN
      EXIT;
    END IF;
  END LOOP;
  PERFORM standpipe.check_numbers('subject', cardinality(of_actor) - standpipe.nulls(subjects), cardinality(of_actor));
END $$;

-- Marks units of work as begun; returns for each how many processes began it (or something that overlaps it) before and
-- never ended. Commits at once and without waiting for the disk: only our own death must not undo it. A single event that is a dead letter
-- for having killed its process has done so also where its marks are gone: it may come again, in a pack of another ingester's.
CREATE FUNCTION standpipe.begin_work(me uuid, relays int4[], lanes int4[], firsts int8[], lasts int8[], is_single bool)
RETURNS int4[]
LANGUAGE plpgsql
AS $$
DECLARE
  found int4[] := '{}';
  seen int4;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  FOR i IN 1 .. cardinality(lanes) LOOP
    SELECT coalesce(max(m.deaths + (m.owner <> me AND m.owner <> '00000000-0000-0000-0000-000000000000')::int4), 0) INTO seen
    FROM standpipe.mark AS m
    WHERE m.relay = relays[i] AND m.lane = lanes[i] AND m.single = is_single
      AND m.first_seq <= lasts[i] AND m.last_seq >= firsts[i];
    IF is_single AND seen = 0 THEN
      SELECT count(*) INTO seen
      FROM standpipe.dead_letter AS d JOIN standpipe.relay AS r ON r.host = d.relay AND r.epoch = d.epoch
      WHERE d.reason = 'killed-its-process' AND d.state <> 'applied' AND d.seq = firsts[i] AND r.id = relays[i];
    END IF;
    INSERT INTO standpipe.mark AS m (relay, lane, first_seq, last_seq, owner, deaths, single)
    VALUES (relays[i], lanes[i], firsts[i], lasts[i], me, seen, is_single)
    ON CONFLICT (relay, lane, first_seq, last_seq, single) DO UPDATE SET owner = me, deaths = seen, started_at = now();
    found := found || seen;
  END LOOP;
  RETURN found;
END $$;

-- After a failure that we survived: what we had begun counts as no death.
CREATE FUNCTION standpipe.release_work(me uuid, relays int4[], lanes int4[], firsts int8[], lasts int8[]) RETURNS void LANGUAGE sql
AS $$
  UPDATE standpipe.mark AS m SET owner = '00000000-0000-0000-0000-000000000000'
  FROM unnest(relays, lanes, firsts, lasts) AS u (relay, lane, first_seq, last_seq)
  WHERE m.owner = me AND m.relay = u.relay AND m.lane = u.lane AND m.first_seq >= u.first_seq AND m.last_seq <= u.last_seq
$$;

-- Locks the lanes and repos of a batch and tells their state; a repo without a row gets one with rev 0. `actors` in ascending order, and so
-- is what comes back. A row that is locked is read as its former owner has left it; other rows are so only for a statement that begins after
-- the lock is held, and therefore those of `odd_actor` are looked up by one of their own.
CREATE FUNCTION standpipe.lock_batch(batch_lanes int4[], actors int4[], with_trees bool)
RETURNS TABLE (revs int8[], contiguous_froms int8[], odd int4[], trees text[], lane_fences int8[], lane_numbers int8[])
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  added int4;
BEGIN
  INSERT INTO standpipe.lane (lane) SELECT l FROM unnest(batch_lanes) AS l
  WHERE NOT EXISTS (SELECT 1 FROM standpipe.lane AS t WHERE t.lane = l) ORDER BY l ON CONFLICT DO NOTHING;
  PERFORM 1 FROM standpipe.lane AS t WHERE t.lane = ANY (batch_lanes) ORDER BY t.lane FOR UPDATE;
  FOR attempt IN 1 .. 2 LOOP
    SELECT array_agg(s.rev), array_agg(s.contiguous_from), CASE WHEN with_trees THEN array_agg(encode(s.tree, 'hex')) END
    INTO revs, contiguous_froms, trees
    FROM (SELECT r.rev, r.contiguous_from, r.tree FROM standpipe.repo AS r WHERE r.actor = ANY (actors) ORDER BY r.actor FOR UPDATE) AS s;
    EXIT WHEN coalesce(cardinality(revs), 0) = cardinality(actors);
    INSERT INTO standpipe.repo (rev, contiguous_from, actor) SELECT 0, 0, a FROM unnest(actors) AS a
    WHERE (SELECT 1 FROM standpipe.repo AS r WHERE r.actor = a) IS NULL ORDER BY a ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    -- To lock it now, out of order, could end in a deadlock.
    IF added < cardinality(actors) - coalesce(cardinality(revs), 0) THEN
      RAISE EXCEPTION 'another transaction has just begun a repo of this batch' USING ERRCODE = 'serialization_failure';
    END IF;
  END LOOP;
  SELECT array_agg(o.actor) INTO odd FROM standpipe.odd_actor AS o WHERE o.actor = ANY (actors);
  SELECT array_agg(t.fence ORDER BY u.at), array_agg(t.number ORDER BY u.at) INTO lane_fences, lane_numbers
  FROM unnest(batch_lanes) WITH ORDINALITY AS u (lane, at) JOIN standpipe.lane AS t ON t.lane = u.lane;
  RETURN NEXT;
END $$;

-- Of paths: the rev of the stored record (in whichever table), and the highest rev of a tombstone; NULL for none.
-- kinds: 1 like, 2 repost, 3 follow, 4 block, 5 post, 0 every other collection; tids: the rkey as a number for 1 to 5.
CREATE FUNCTION standpipe.path_states(kinds int4[], actors int4[], collections int4[], rkeys text[], tids int8[])
RETURNS TABLE (row_rev int8, tombstone_rev int8)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT coalesce(
      CASE u.kind
        WHEN 1 THEN (SELECT t.rev FROM standpipe."like" AS t WHERE t.actor = u.actor AND t.rkey = u.tid)
        WHEN 2 THEN (SELECT t.rev FROM standpipe.repost AS t WHERE t.actor = u.actor AND t.rkey = u.tid)
        WHEN 3 THEN (SELECT t.rev FROM standpipe.follow AS t WHERE t.actor = u.actor AND t.rkey = u.tid)
        WHEN 4 THEN (SELECT t.rev FROM standpipe.block AS t WHERE t.actor = u.actor AND t.rkey = u.tid)
        WHEN 5 THEN (SELECT t.rev FROM standpipe.post AS t WHERE t.actor = u.actor AND t.rkey = u.tid)
        ELSE (SELECT t.rev FROM standpipe.document AS t WHERE t.actor = u.actor AND t.collection = u.collection AND t.rkey = u.rkey)
      END,
      (SELECT t.rev FROM standpipe.misfit AS t WHERE t.actor = u.actor AND t.collection = u.collection AND t.rkey = u.rkey)),
    (SELECT max(t.rev) FROM standpipe.tombstone AS t WHERE t.actor = u.actor AND t.collection = u.collection AND t.rkey = u.rkey)
  FROM unnest(kinds, actors, collections, rkeys, tids) WITH ORDINALITY AS u (kind, actor, collection, rkey, tid, at)
  ORDER BY u.at;
END $$;

-- write_like, write_repost, write_follow, write_block: the same body over four tables, each with plans of its own.
-- First removes what deletes and updates name, then inserts. Where an insert meets a row that should not be there (its
-- delete was never seen), that row is older: it goes, and the new one comes. Returns the subjects that lost and won.
-- The row of its repo is locked, so that nobody else writes an account's rows, and a statement sees what was committed before it began (READ
-- COMMITTED): to ask first serves where ON CONFLICT would write each row as a trial and then confirm it.
DO $make$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['like', 'repost', 'follow', 'block'] LOOP
    EXECUTE format($body$
CREATE FUNCTION standpipe.write_%1$s(
  kind int4,
  out_kind int4[], out_actor int4[], out_rkey int8[],
  in_actor int4[], in_rkey int8[], in_rev int8[], in_created int4[], in_subject int4[], in_via int4[], in_cid bytea[],
  now_tick int4, OUT lost int4[], OUT lost_actors int4[], OUT won int4[], OUT won_actors int4[])
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  these int4[];
  these_actors int4[];
BEGIN
  IF kind = ANY (out_kind) THEN
    WITH gone AS (
      DELETE FROM standpipe.%1$I AS t USING unnest(out_kind, out_actor, out_rkey) AS u (kind, actor, rkey)
      WHERE u.kind = write_%1$s.kind AND t.actor = u.actor AND t.rkey = u.rkey RETURNING t.subject, t.actor)
    SELECT array_agg(gone.subject), array_agg(gone.actor) INTO lost, lost_actors FROM gone;
  END IF;
  IF cardinality(in_actor) = 0 THEN RETURN; END IF;
  FOR attempt IN 1 .. 2 LOOP
    WITH came AS (
      INSERT INTO standpipe.%1$I (rkey, rev, created, actor, subject, tick, via, cid)
      SELECT u.rkey, u.rev, u.created, u.actor, u.subject, now_tick, u.via, u.cid
      FROM unnest(in_actor, in_rkey, in_rev, in_created, in_subject, in_via, in_cid)
        AS u (actor, rkey, rev, created, subject, via, cid)
      WHERE (SELECT 1 FROM standpipe.%1$I AS t WHERE t.actor = u.actor AND t.rkey = u.rkey) IS NULL RETURNING subject, actor)
    SELECT array_agg(came.subject), array_agg(came.actor) INTO these, these_actors FROM came;
    won := won || these;
    won_actors := won_actors || these_actors;
    EXIT WHEN attempt = 2 OR coalesce(cardinality(won), 0) = cardinality(in_actor);
    WITH gone AS (
      DELETE FROM standpipe.%1$I AS t USING unnest(in_actor, in_rkey, in_rev) AS u (actor, rkey, rev)
      WHERE t.actor = u.actor AND t.rkey = u.rkey AND t.rev < u.rev RETURNING t.subject, t.actor)
    SELECT array_agg(gone.subject), array_agg(gone.actor) INTO these, these_actors FROM gone;
    lost := lost || these;
    lost_actors := lost_actors || these_actors;
  END LOOP;
END $$
$body$, name);
  END LOOP;
END $make$;

-- Posts: the same, with three references; `out` and `in` return rows as parallel arrays.
CREATE FUNCTION standpipe.write_post(
  out_kind int4[], out_actor int4[], out_rkey int8[],
  in_actor int4[], in_rkey int8[], in_rev int8[], in_created int8[], in_root int4[], in_parent int4[], in_quote int4[],
  in_cid bytea[], in_value jsonb[], now_tick int4,
  OUT lost_actors int4[], OUT lost_parents int4[], OUT lost_quotes int4[],
  OUT won_actors int4[], OUT won_parents int4[], OUT won_quotes int4[])
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  actors int4[];
  parents int4[];
  quotes int4[];
BEGIN
  IF 5 = ANY (out_kind) THEN
    WITH gone AS (
      DELETE FROM standpipe.post AS t USING unnest(out_kind, out_actor, out_rkey) AS u (kind, actor, rkey)
      WHERE u.kind = 5 AND t.actor = u.actor AND t.rkey = u.rkey RETURNING t.actor, t.parent, t.quote)
    SELECT array_agg(gone.actor), array_agg(gone.parent), array_agg(gone.quote) INTO lost_actors, lost_parents, lost_quotes FROM gone;
  END IF;
  IF cardinality(in_actor) = 0 THEN RETURN; END IF;
  FOR attempt IN 1 .. 2 LOOP
    WITH came AS (
      INSERT INTO standpipe.post (rkey, rev, created, actor, tick, root, parent, quote, cid, value)
      SELECT u.rkey, u.rev, u.created, u.actor, now_tick, u.root, u.parent, u.quote, u.cid, u.value
      FROM unnest(in_actor, in_rkey, in_rev, in_created, in_root, in_parent, in_quote, in_cid, in_value)
        AS u (actor, rkey, rev, created, root, parent, quote, cid, value)
      WHERE (SELECT 1 FROM standpipe.post AS t WHERE t.actor = u.actor AND t.rkey = u.rkey) IS NULL RETURNING actor, parent, quote)
    SELECT array_agg(came.actor), array_agg(came.parent), array_agg(came.quote) INTO actors, parents, quotes FROM came;
    won_actors := won_actors || actors;
    won_parents := won_parents || parents;
    won_quotes := won_quotes || quotes;
    EXIT WHEN attempt = 2 OR coalesce(cardinality(won_actors), 0) = cardinality(in_actor);
    WITH gone AS (
      DELETE FROM standpipe.post AS t USING unnest(in_actor, in_rkey, in_rev) AS u (actor, rkey, rev)
      WHERE t.actor = u.actor AND t.rkey = u.rkey AND t.rev < u.rev RETURNING t.actor, t.parent, t.quote)
    SELECT array_agg(gone.actor), array_agg(gone.parent), array_agg(gone.quote) INTO actors, parents, quotes FROM gone;
    lost_actors := lost_actors || actors;
    lost_parents := lost_parents || parents;
    lost_quotes := lost_quotes || quotes;
  END LOOP;
END $$;

-- Documents: the same without references. Returns by how many the stored records grew.
CREATE FUNCTION standpipe.write_document(
  out_actor int4[], out_collection int4[], out_rkey text[],
  in_actor int4[], in_collection int4[], in_rkey text[], in_rev int8[], in_created int8[], in_cid bytea[], in_value jsonb[],
  now_tick int4) RETURNS int4
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  changed int4;
  came int4 := 0;
  grown int4 := 0;
BEGIN
  IF cardinality(out_actor) > 0 THEN
    DELETE FROM standpipe.document AS t USING unnest(out_actor, out_collection, out_rkey) AS u (actor, collection, rkey)
    WHERE t.actor = u.actor AND t.collection = u.collection AND t.rkey = u.rkey;
    GET DIAGNOSTICS changed = ROW_COUNT;
    grown := grown - changed;
  END IF;
  IF cardinality(in_actor) = 0 THEN RETURN grown; END IF;
  FOR attempt IN 1 .. 2 LOOP
    INSERT INTO standpipe.document (rev, created, actor, collection, tick, rkey, cid, value)
    SELECT u.rev, u.created, u.actor, u.collection, now_tick, u.rkey, u.cid, u.value
    FROM unnest(in_actor, in_collection, in_rkey, in_rev, in_created, in_cid, in_value)
      AS u (actor, collection, rkey, rev, created, cid, value)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS changed = ROW_COUNT;
    came := came + changed;
    grown := grown + changed;
    EXIT WHEN attempt = 2 OR came = cardinality(in_actor);
    DELETE FROM standpipe.document AS t USING unnest(in_actor, in_collection, in_rkey, in_rev) AS u (actor, collection, rkey, rev)
    WHERE t.actor = u.actor AND t.collection = u.collection AND t.rkey = u.rkey AND t.rev < u.rev;
    GET DIAGNOSTICS changed = ROW_COUNT;
    grown := grown - changed;
  END LOOP;
  RETURN grown;
END $$;

-- Everything of a batch that is common, in one call. Edges come kind after kind (like, repost, follow, block); `edge_ends` says where each
-- ends. Returns by how many the stored records grew.
CREATE FUNCTION standpipe.write_batch(
  now_tick int4,
  repo_actor int4[], repo_rev int8[], repo_from int8[], repo_broken int4[], repo_tree bytea[], new_authors int4[],
  out_kind int4[], out_actor int4[], out_rkey int8[],
  edge_ends int4[], edge_actor int4[], edge_rkey int8[], edge_rev int8[], edge_created int4[], edge_subject int4[], edge_via int4[], edge_cid bytea[],
  post_actor int4[], post_rkey int8[], post_rev int8[], post_created int8[], post_root int4[], post_parent int4[], post_quote int4[], post_cid bytea[], post_value jsonb[],
  out_doc_actor int4[], out_doc_collection int4[], out_doc_rkey text[],
  doc_actor int4[], doc_collection int4[], doc_rkey text[], doc_rev int8[], doc_created int8[], doc_cid bytea[], doc_value jsonb[],
  tomb_actor int4[], tomb_collection int4[], tomb_rkey text[], tomb_rev int8[]) RETURNS int4
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  likes record;
  reposts record;
  follows record;
  blocks record;
  posts record;
  grown int4;
BEGIN
  UPDATE standpipe.repo AS r SET rev = u.rev, contiguous_from = u.contiguous_from, broken = r.broken + u.broken, tree = u.tree
  FROM unnest(repo_actor, repo_rev, repo_from, repo_broken, repo_tree) AS u (actor, rev, contiguous_from, broken, tree)
  WHERE r.actor = u.actor;
  IF cardinality(new_authors) > 0 THEN
    INSERT INTO standpipe.account (actor, tick) SELECT a, now_tick FROM unnest(new_authors) AS a ORDER BY a ON CONFLICT DO NOTHING;
  END IF;

  SELECT * INTO likes FROM standpipe.write_like(1, out_kind, out_actor, out_rkey, edge_actor[1:edge_ends[1]], edge_rkey[1:edge_ends[1]], edge_rev[1:edge_ends[1]],
    edge_created[1:edge_ends[1]], edge_subject[1:edge_ends[1]], edge_via[1:edge_ends[1]], edge_cid[1:edge_ends[1]], now_tick);
  SELECT * INTO reposts FROM standpipe.write_repost(2, out_kind, out_actor, out_rkey, edge_actor[edge_ends[1] + 1:edge_ends[2]], edge_rkey[edge_ends[1] + 1:edge_ends[2]], edge_rev[edge_ends[1] + 1:edge_ends[2]],
    edge_created[edge_ends[1] + 1:edge_ends[2]], edge_subject[edge_ends[1] + 1:edge_ends[2]], edge_via[edge_ends[1] + 1:edge_ends[2]], edge_cid[edge_ends[1] + 1:edge_ends[2]], now_tick);
  SELECT * INTO follows FROM standpipe.write_follow(3, out_kind, out_actor, out_rkey, edge_actor[edge_ends[2] + 1:edge_ends[3]], edge_rkey[edge_ends[2] + 1:edge_ends[3]], edge_rev[edge_ends[2] + 1:edge_ends[3]],
    edge_created[edge_ends[2] + 1:edge_ends[3]], edge_subject[edge_ends[2] + 1:edge_ends[3]], edge_via[edge_ends[2] + 1:edge_ends[3]], edge_cid[edge_ends[2] + 1:edge_ends[3]], now_tick);
  SELECT * INTO blocks FROM standpipe.write_block(4, out_kind, out_actor, out_rkey, edge_actor[edge_ends[3] + 1:edge_ends[4]], edge_rkey[edge_ends[3] + 1:edge_ends[4]], edge_rev[edge_ends[3] + 1:edge_ends[4]],
    edge_created[edge_ends[3] + 1:edge_ends[4]], edge_subject[edge_ends[3] + 1:edge_ends[4]], edge_via[edge_ends[3] + 1:edge_ends[4]], edge_cid[edge_ends[3] + 1:edge_ends[4]], now_tick);
  SELECT * INTO posts FROM standpipe.write_post(out_kind, out_actor, out_rkey,
    post_actor, post_rkey, post_rev, post_created, post_root, post_parent, post_quote, post_cid, post_value, now_tick);
  grown := standpipe.write_document(out_doc_actor, out_doc_collection, out_doc_rkey,
    doc_actor, doc_collection, doc_rkey, doc_rev, doc_created, doc_cid, doc_value, now_tick);

  IF cardinality(tomb_actor) > 0 THEN
    INSERT INTO standpipe.tombstone AS t (rev, actor, collection, day, rkey)
    SELECT u.rev, u.actor, u.collection, (now() AT TIME ZONE 'UTC')::date, u.rkey
    FROM unnest(tomb_actor, tomb_collection, tomb_rkey, tomb_rev) AS u (actor, collection, rkey, rev)
    ON CONFLICT (actor, collection, rkey, day) DO UPDATE SET rev = greatest(t.rev, excluded.rev);
  END IF;

  -- Counters last: hot rows are locked for the shortest time. One statement a table, so that the order is one.
  INSERT INTO standpipe.subject_count AS c (subject, likes, reposts, replies, quotes)
  SELECT d.subject, sum(d.likes), sum(d.reposts), sum(d.replies), sum(d.quotes) FROM (
    SELECT unnest(likes.won) AS subject, 1 AS likes, 0 AS reposts, 0 AS replies, 0 AS quotes
    UNION ALL SELECT unnest(likes.lost), -1, 0, 0, 0
    UNION ALL SELECT unnest(reposts.won), 0, 1, 0, 0
    UNION ALL SELECT unnest(reposts.lost), 0, -1, 0, 0
    UNION ALL SELECT unnest(posts.won_parents), 0, 0, 1, 0
    UNION ALL SELECT unnest(posts.lost_parents), 0, 0, -1, 0
    UNION ALL SELECT unnest(posts.won_quotes), 0, 0, 0, 1
    UNION ALL SELECT unnest(posts.lost_quotes), 0, 0, 0, -1) AS d
  WHERE d.subject IS NOT NULL
  GROUP BY d.subject
  HAVING sum(d.likes) <> 0 OR sum(d.reposts) <> 0 OR sum(d.replies) <> 0 OR sum(d.quotes) <> 0
  ORDER BY d.subject
  ON CONFLICT (subject) DO UPDATE SET likes = c.likes + excluded.likes, reposts = c.reposts + excluded.reposts,
    replies = c.replies + excluded.replies, quotes = c.quotes + excluded.quotes;

  INSERT INTO standpipe.actor_count AS c (actor, followers, follows, posts)
  SELECT d.actor, sum(d.followers), sum(d.follows), sum(d.posts) FROM (
    SELECT unnest(follows.won) AS actor, 1 AS followers, 0 AS follows, 0 AS posts
    UNION ALL SELECT unnest(follows.lost), -1, 0, 0
    UNION ALL SELECT unnest(follows.won_actors), 0, 1, 0
    UNION ALL SELECT unnest(follows.lost_actors), 0, -1, 0
    UNION ALL SELECT unnest(posts.won_actors), 0, 0, 1
    UNION ALL SELECT unnest(posts.lost_actors), 0, 0, -1) AS d
  GROUP BY d.actor
  HAVING sum(d.followers) <> 0 OR sum(d.follows) <> 0 OR sum(d.posts) <> 0
  ORDER BY d.actor
  ON CONFLICT (actor) DO UPDATE SET followers = c.followers + excluded.followers, follows = c.follows + excluded.follows,
    posts = c.posts + excluded.posts;

  RETURN grown
    + coalesce(cardinality(likes.won), 0) - coalesce(cardinality(likes.lost), 0)
    + coalesce(cardinality(reposts.won), 0) - coalesce(cardinality(reposts.lost), 0)
    + coalesce(cardinality(follows.won), 0) - coalesce(cardinality(follows.lost), 0)
    + coalesce(cardinality(blocks.won), 0) - coalesce(cardinality(blocks.lost), 0)
    + coalesce(cardinality(posts.won_actors), 0) - coalesce(cardinality(posts.lost_actors), 0);
END $$;

-- The end of a unit of work, in the transaction that did it: its lanes move on, its marks go. A pack that was applied
-- before (a smaller fence or number) leaves its lane where it is.
CREATE FUNCTION standpipe.end_work(
  of_relay int4[], of_lane int4[], first_seqs int8[], last_seqs int8[], is_single bool,
  lane_total int4, fences int8[], numbers int8[], times timestamptz[], grown int4, count_lane int4) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  DELETE FROM standpipe.mark AS m USING unnest(of_relay, of_lane, last_seqs) AS u (relay, lane, last_seq)
  WHERE m.relay = u.relay AND m.lane = u.lane AND m.last_seq <= u.last_seq AND (m.single OR NOT is_single);
  IF NOT is_single THEN
    UPDATE standpipe.lane AS t
    SET fence = u.fence, number = u.number, seq = u.seq, relay = u.relay, event_time = u.event_time, applied_at = now(), lanes = lane_total
    FROM (SELECT DISTINCT ON (p.lane) p.* FROM unnest(of_lane, fences, numbers, last_seqs, of_relay, times)
            AS p (lane, fence, number, seq, relay, event_time) ORDER BY p.lane, p.fence DESC, p.number DESC) AS u
    WHERE t.lane = u.lane AND (t.fence, t.number) < (u.fence, u.number);
  END IF;
  IF grown <> 0 THEN
    UPDATE standpipe.lane AS t SET records = t.records + grown WHERE t.lane = count_lane;
  END IF;
END $$;

-- Opens the partitions of today and the next two days, and drops those older than `keep_days`. Owner's rights, since the
-- role that indexes may write rows and nothing else.
CREATE FUNCTION standpipe.turn_tombstones(keep_days int4) RETURNS int4
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- A long reader (a dump) holds the table: the consumers must not queue up behind our wait. Days are opened two ahead.
SET lock_timeout = '2s'
AS $$
DECLARE
  today date := (now() AT TIME ZONE 'UTC')::date;
  old record;
  dropped int4 := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('standpipe.turn_tombstones', 0));
  FOR i IN 0 .. 2 LOOP
    IF to_regclass(format('standpipe.tombstone_%s', to_char(today + i, 'YYYYMMDD'))) IS NULL THEN
      EXECUTE format('CREATE TABLE standpipe.%I PARTITION OF standpipe.tombstone FOR VALUES FROM (%L) TO (%L)',
        'tombstone_' || to_char(today + i, 'YYYYMMDD'), today + i, today + i + 1);
    END IF;
  END LOOP;
  FOR old IN
    SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'standpipe.tombstone'::regclass AND to_date(right(c.relname, 8), 'YYYYMMDD') < today - keep_days
  LOOP
    EXECUTE format('DROP TABLE standpipe.%I', old.relname);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END $$;

SELECT standpipe.turn_tombstones(4);

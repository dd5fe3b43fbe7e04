-- Two roles beside the owner: `indexer` writes rows, `reader` reads the views. On RDS both come in with tokens of IAM. Elsewhere neither can
-- log in until somebody gives it a password.
--
-- A role belongs to the whole server, and other databases may have migrated before this one: a role with our mark in its comment is ours
-- and gets its rights here. One of that name without it is somebody else's: it is left as it is, and gets nothing.
--
-- Where the role that migrates may not make roles and nobody made them before, only the last statement does anything.
--
-- All of it can be repeated: the function that deployments call does so each time, so that roles which somebody changed are mended by calling it.

DO $make$
DECLARE
  may_create bool := (SELECT rolsuper OR rolcreaterole FROM pg_catalog.pg_roles WHERE rolname = current_user);
  has_tokens bool := EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = 'rds_iam');
  role record;
  item record;
BEGIN
  FOR role IN SELECT * FROM (VALUES
    -- Below the function's minute, so that a statement that hangs shows as that and not as a function that was cut.
    -- It looks at sessions and ends those of readers, for `standpipe sql`: nobody comes in as the owner.
    ('indexer', 'standpipe: writes rows', '50s', ARRAY['pg_monitor', 'pg_signal_backend']),
    -- For people as well. What runs for longer keeps the vacuum from its work.
    ('reader', 'standpipe: reads the views', '5min', ARRAY[]::text[])
  ) AS r (name, mark, limit_of_time, member_of)
  LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = role.name) THEN
      IF NOT may_create THEN
        RAISE NOTICE 'standpipe: role % is not made: % may not create roles', role.name, current_user;
        CONTINUE;
      END IF;
      BEGIN
        EXECUTE format('CREATE ROLE %I', role.name);
        EXECUTE format('COMMENT ON ROLE %I IS %L', role.name, role.mark);
        EXECUTE format('ALTER ROLE %I SET statement_timeout = %L', role.name, role.limit_of_time);
        EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', role.name, role.limit_of_time);
      EXCEPTION
        -- Another database of this server is migrated at this moment: its role is ours too, or not, as the next look says.
        WHEN duplicate_object OR unique_violation THEN NULL;
      END;
    END IF;

    IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles AS r
      WHERE r.rolname = role.name AND shobj_description(r.oid, 'pg_authid') LIKE 'standpipe%') THEN
      RAISE NOTICE 'standpipe: role % was there before and is not ours: it is left as it is', role.name;
      CONTINUE;
    END IF;

    BEGIN
      IF has_tokens AND NOT (SELECT rolcanlogin FROM pg_catalog.pg_roles WHERE rolname = role.name) THEN
        EXECUTE format('ALTER ROLE %I LOGIN', role.name);
      END IF;
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE NOTICE 'standpipe: role % may not log in: % may not change it', role.name, current_user;
    END;
    FOR item IN SELECT g FROM unnest(role.member_of || CASE WHEN has_tokens THEN ARRAY['rds_iam'] ELSE '{}' END) AS g
      WHERE NOT pg_has_role(role.name, g, 'MEMBER')
    LOOP
      BEGIN
        EXECUTE format('GRANT %I TO %I', item.g, role.name);
      EXCEPTION WHEN insufficient_privilege THEN
        RAISE NOTICE 'standpipe: role % is not in %: % may not grant it', role.name, item.g, current_user;
      END;
    END LOOP;

    -- Looked at first: who does not own `public` cannot grant what everybody has anyway.
    IF NOT has_schema_privilege(role.name, '{{schema}}'::regnamespace, 'USAGE') THEN
      EXECUTE format('GRANT USAGE ON SCHEMA {{schema}} TO %I', role.name);
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA standpipe TO %I', role.name);
    -- The base tables as well: the functions that look for one record work with their caller's rights.
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA standpipe TO %I', role.name);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA standpipe GRANT SELECT ON TABLES TO %I', role.name);
    -- By name: in a schema that is shared with other tables those are not ours to give.
    FOR item IN SELECT relname FROM pg_catalog.pg_class WHERE relkind = 'v' AND relnamespace = '{{schema}}'::regnamespace
      AND relname IN ('users', 'profiles', 'posts', 'likes', 'reposts', 'follows', 'blocks', 'lists', 'list_items', 'list_blocks',
        'feed_generators', 'starter_packs', 'labeler_services', 'verifications', 'thread_gates', 'post_gates', 'generic_records', 'records',
        'all_records', 'post_counts', 'actor_counts', 'dead_letters', 'gaps', 'firehose_cursor')
    LOOP
      EXECUTE format('GRANT SELECT ON {{schema}}.%I TO %I', item.relname, role.name);
    END LOOP;
    FOR item IN SELECT oid::regprocedure AS function FROM pg_catalog.pg_proc WHERE pronamespace = '{{schema}}'::regnamespace
      AND proname IN ('record', 'likes_of', 'reposts_of', 'replies_to', 'quotes_of', 'followers_of', 'counts_of')
    LOOP
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', item.function, role.name);
    END LOOP;

    IF role.name = 'indexer' THEN
      GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA standpipe TO indexer;
      -- What was migrated is for the owner alone to say.
      REVOKE INSERT, UPDATE, DELETE ON standpipe.migration FROM indexer;
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA standpipe TO indexer;
      GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA standpipe TO indexer;
      ALTER DEFAULT PRIVILEGES IN SCHEMA standpipe GRANT INSERT, UPDATE, DELETE ON TABLES TO indexer;
      ALTER DEFAULT PRIVILEGES IN SCHEMA standpipe GRANT USAGE ON SEQUENCES TO indexer;
      ALTER DEFAULT PRIVILEGES IN SCHEMA standpipe GRANT EXECUTE ON FUNCTIONS TO indexer;
    END IF;
  END LOOP;
END $make$;

-- It works with the owner's rights and drops partitions: not for whoever may look.
REVOKE EXECUTE ON FUNCTION standpipe.turn_tombstones(int4) FROM PUBLIC;

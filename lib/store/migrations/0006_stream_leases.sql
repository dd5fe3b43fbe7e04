-- For workers that read a stream of entries (Redis): who may read what, and how far each lane has been applied.

-- Workers of a stream, and the name under which it knows them. One that does not beat any more is dead; its row stays as long as no other has
-- its name, since what was delivered under that name was delivered to one of us.
CREATE TABLE standpipe.stream_worker (
  owner   uuid PRIMARY KEY,
  stream  text COLLATE "C" NOT NULL,
  name    text COLLATE "C" NOT NULL,
  beat    int8 NOT NULL DEFAULT 0,
  beat_at timestamptz NOT NULL DEFAULT now()
);

-- The right to read a stream (or the part of it that a key is), of one worker at a time. The fence grows with every taking over: a
-- transaction under an older one is refused. owner NULL: free.
CREATE TABLE standpipe.stream_lease (
  stream text COLLATE "C" PRIMARY KEY,
  fence  int8 NOT NULL DEFAULT 0,
  owner  uuid
);

-- The last entry of a stream that was applied in each lane, written with the batch.
CREATE TABLE standpipe.stream_place (
  stream text COLLATE "C" NOT NULL,
  lane   int4 NOT NULL,
  ms     int8 NOT NULL,
  n      int8 NOT NULL,
  PRIMARY KEY (stream, lane)
) WITH (fillfactor = 50);

-- Larger than every fence that packs in this database were written under, so that lanes go on whatever wrote them before.
CREATE FUNCTION standpipe.take_stream(of_stream text, me uuid, seen_fence int8) RETURNS int8
LANGUAGE plpgsql
AS $$
DECLARE
  taken int8;
BEGIN
  UPDATE standpipe.stream_lease AS l
  SET owner = me, fence = greatest(l.fence + 1, (SELECT coalesce(max(t.fence), 0) + 1 FROM standpipe.lane AS t),
    (extract(epoch FROM clock_timestamp()) * 1000)::int8)
  WHERE l.stream = of_stream AND l.fence = seen_fence RETURNING l.fence INTO taken;
  RETURN taken;
END $$;

-- Notes how far a batch has come. False, and nothing is written, where a lease it was read under is another's by now: the lock makes a
-- taking over wait until this batch is over, so that the newcomer reads what it wrote.
CREATE FUNCTION standpipe.note_places(streams text[], fences int8[], lanes int4[], mss int8[], ns int8[]) RETURNS bool
LANGUAGE plpgsql
AS $$
DECLARE
  held int4;
BEGIN
  PERFORM 1 FROM standpipe.stream_lease AS l
  WHERE EXISTS (SELECT 1 FROM unnest(streams, fences) AS u (stream, fence) WHERE u.stream = l.stream AND u.fence = l.fence)
  ORDER BY l.stream FOR SHARE;
  GET DIAGNOSTICS held = ROW_COUNT;
  IF held <> (SELECT count(DISTINCT s) FROM unnest(streams) AS s) THEN
    RETURN false;
  END IF;
  INSERT INTO standpipe.stream_place AS p (stream, lane, ms, n)
  SELECT DISTINCT ON (u.stream, u.lane) u.stream, u.lane, u.ms, u.n
  FROM unnest(streams, lanes, mss, ns) AS u (stream, lane, ms, n) ORDER BY u.stream, u.lane, u.ms DESC, u.n DESC
  ON CONFLICT (stream, lane) DO UPDATE SET ms = excluded.ms, n = excluded.n;
  RETURN true;
END $$;

-- How far everything of a relay has been applied: its newest epoch, and the oldest of the places of its lanes where each of them has one.
-- What `start` has saved as its cursor counts as well. No row: nothing is known.
CREATE FUNCTION standpipe.applied_mark(of_relay text) RETURNS TABLE (epoch int4, seq int8, event_time timestamptz)
LANGUAGE sql STABLE
AS $$
  WITH marks AS (
    SELECT c.epoch, c.seq, c.event_time FROM standpipe.cursor AS c WHERE c.relay = of_relay
    UNION ALL
    SELECT r.epoch, CASE WHEN count(*) >= max(l.lanes) THEN min(l.seq) ELSE 0 END, min(l.event_time)
    FROM standpipe.lane AS l JOIN standpipe.relay AS r ON r.id = l.relay WHERE r.host = of_relay GROUP BY r.epoch
  )
  SELECT m.epoch, m.seq, m.event_time FROM marks AS m ORDER BY m.epoch DESC, m.seq DESC LIMIT 1
$$;

COMMENT ON COLUMN {{schema}}.gaps.reason IS 'outdated-cursor, relay-switch, new-epoch, missing-pack or stream-lost.';

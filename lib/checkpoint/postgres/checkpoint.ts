/** The fenced cursor in Postgres: unified mode, where what is applied is what is durable. */
import type { Pool } from "pg";
import type { SavedCursor } from "../../core/cursor.ts";
import { type Checkpoint, LanesChangedError } from "../port.ts";

/** Rejects as the database does. */
export function createPostgresCheckpoint(pool: Pool): Checkpoint {
  return {
    acquire: ({ lanes }) => acquire(pool, lanes),
    load: (relay) => load(pool, relay),
    lastDurableTimeMs: () => lastDurableTimeMs(pool),
    save: (cursor, { fence }) => save(pool, cursor, fence),
  };
}

async function acquire(pool: Pool, lanes: number): Promise<{ readonly fence: number }> {
  const { rows } = await pool.query<{ fence: string }>(
    `INSERT INTO standpipe.ingester AS i (fence, lanes) VALUES (1, $1)
     ON CONFLICT (one) DO UPDATE SET fence = i.fence + 1, since = now() WHERE i.lanes = $1 RETURNING i.fence`,
    [lanes],
  );
  const fence = rows[0]?.fence;
  if (fence === undefined) {
    const stored = await pool.query<{ lanes: number }>("SELECT lanes FROM standpipe.ingester");
    throw new LanesChangedError({ stored: stored.rows[0]?.lanes ?? 0, given: lanes });
  }
  return { fence: Number(fence) };
}

async function load(pool: Pool, relay: string): Promise<SavedCursor | null> {
  const { rows } = await pool.query<{ epoch: number; seq: string; time_ms: string | null }>(
    `SELECT epoch, seq, trunc(extract(epoch FROM event_time) * 1000)::int8 AS time_ms
     FROM standpipe.cursor WHERE relay = $1 ORDER BY epoch DESC LIMIT 1`,
    [relay],
  );
  const row = rows[0];
  return row === undefined
    ? null
    : { relay, epoch: row.epoch, seq: Number(row.seq), timeMs: row.time_ms === null ? null : Number(row.time_ms) };
}

async function lastDurableTimeMs(pool: Pool): Promise<number | null> {
  const { rows } = await pool.query<{ time_ms: string | null }>(
    `SELECT trunc(extract(epoch FROM event_time) * 1000)::int8 AS time_ms FROM standpipe.cursor
     WHERE event_time IS NOT NULL ORDER BY saved_at DESC LIMIT 1`,
  );
  const timeMs = rows[0]?.time_ms ?? null;
  return timeMs === null ? null : Number(timeMs);
}

/** The fence's row is read under a lock, so that a take-over in the middle waits and this save is the older process' last. */
async function save(pool: Pool, cursor: SavedCursor, fence: number): Promise<"saved" | "fenced"> {
  const { rows } = await pool.query<{ holds: boolean }>(
    `WITH held AS (SELECT 1 FROM standpipe.ingester WHERE fence = $5 FOR SHARE),
       saved AS (
         INSERT INTO standpipe.cursor AS c (relay, epoch, seq, event_time, fence)
         SELECT $1, $2, $3, to_timestamp($4::int8 / 1000.0), $5 FROM held
         ON CONFLICT (relay, epoch) DO UPDATE
           SET seq = excluded.seq, event_time = coalesce(excluded.event_time, c.event_time), fence = excluded.fence, saved_at = now()
           WHERE c.seq <= excluded.seq)
     SELECT EXISTS (SELECT 1 FROM held) AS holds`,
    [cursor.relay, cursor.epoch, cursor.seq, cursor.timeMs, fence],
  );
  return rows[0]?.holds === true ? "saved" : "fenced";
}

/**
 * Another number of lanes, once nothing is under way any more. What lanes have counted goes to lane 0; the numbering of
 * packs starts anew with the next fence.
 */
export async function setLanes(pool: Pool, lanes: number): Promise<void> {
  await pool.query(
    `WITH changed AS (UPDATE standpipe.ingester SET lanes = $1, fence = fence + 1),
       gone AS (DELETE FROM standpipe.lane WHERE lane <> 0 RETURNING records)
     INSERT INTO standpipe.lane AS t (lane, records) SELECT 0, coalesce(sum(records), 0) FROM gone
     ON CONFLICT (lane) DO UPDATE SET records = t.records + excluded.records, lanes = $1`,
    [lanes],
  );
}

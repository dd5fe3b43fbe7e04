/** How far everything of a relay has been applied: where a stream that lost its memory is filled from again. */
import type { Pool } from "pg";
import type { SavedCursor } from "../core/cursor.ts";

/** Null where this database has nothing of the relay. seq 0: something is there, but not how far each lane has come. Rejects as the database does. */
export async function readAppliedMark(pool: Pool, relay: string): Promise<SavedCursor | null> {
  const { rows } = await pool.query<{ epoch: number; seq: string; time_ms: string | null }>(
    `SELECT epoch, seq, trunc(extract(epoch FROM event_time) * 1000)::int8 AS time_ms FROM standpipe.applied_mark($1)`,
    [relay],
  );
  const row = rows[0];
  return row === undefined
    ? null
    : { relay, epoch: row.epoch, seq: Number(row.seq), timeMs: row.time_ms === null ? null : Number(row.time_ms) };
}

/** The newest event applied, of whichever lane and relay came last; null where nothing was. Rejects as the database does. */
export async function readNewestApplied(pool: Pool): Promise<SavedCursor | null> {
  const { rows } = await pool.query<{ relay: string; epoch: number; seq: string; time_ms: string | null }>(
    `SELECT r.host AS relay, r.epoch, l.seq, trunc(extract(epoch FROM l.event_time) * 1000)::int8 AS time_ms
     FROM standpipe.lane AS l JOIN standpipe.relay AS r ON r.id = l.relay ORDER BY l.applied_at DESC, l.seq DESC LIMIT 1`,
  );
  const row = rows[0];
  if (row === undefined) return null;
  const { relay, epoch, seq, time_ms: timeMs } = row;
  return { relay, epoch, seq: Number(seq), timeMs: timeMs === null ? null : Number(timeMs) };
}

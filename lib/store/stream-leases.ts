/** Rights to read streams, in the database: who holds which, who lives, and how far each lane has come. */
import type { Pool } from "pg";
import type { EntryId } from "../core/pack.ts";

export interface StreamLease {
  readonly stream: string;
  readonly fence: number;
  /** Null: free. */
  readonly owner: string | null;
}

export interface StreamWorkerRow {
  readonly name: string;
  readonly owner: string;
  readonly beat: number;
}

export interface LeaseBoard {
  readonly leases: readonly StreamLease[];
  readonly workers: readonly StreamWorkerRow[];
}

export interface StreamLeases {
  /** A row for each stream, where there is none yet. */
  prepare(streams: readonly string[]): Promise<void>;
  /** Says that this worker lives. */
  beat(): Promise<void>;
  /** What stands there now, of these streams and of all workers. */
  board(streams: readonly string[]): Promise<LeaseBoard>;
  /** The new fence; null where somebody was faster. */
  take(lease: StreamLease): Promise<number | null>;
  /** Gives back what is still this worker's. */
  give(lease: Pick<StreamLease, "stream" | "fence">): Promise<void>;
  /** This worker has ended well: nobody waits for its beat. */
  leave(): Promise<void>;
  /** By lane, the last entry applied. */
  places(stream: string): Promise<ReadonlyMap<number, EntryId>>;
}

export interface StreamLeasesOptions {
  /** A UUID of this process' life. */
  readonly owner: string;
  /** Under which the stream knows it. */
  readonly name: string;
  /** Key of the stream, the same for all workers of a deployment. */
  readonly base: string;
}

/** Rejects as the database does. */
export function createStreamLeases(pool: Pool, { owner, name, base }: StreamLeasesOptions): StreamLeases {
  return {
    async prepare(streams) {
      // Rows of former lives under our name say nothing that ours does not.
      await pool.query(
        "DELETE FROM standpipe.stream_worker WHERE stream = $1 AND name = $2 AND beat_at < now() - interval '1 minute'",
        [base, name],
      );
      await pool.query(
        "INSERT INTO standpipe.stream_lease (stream) SELECT unnest($1::text[]) ON CONFLICT (stream) DO NOTHING",
        [streams],
      );
    },
    async beat() {
      await pool.query(
        `INSERT INTO standpipe.stream_worker AS w (owner, stream, name) VALUES ($1, $2, $3)
         ON CONFLICT (owner) DO UPDATE SET beat = w.beat + 1, beat_at = now()`,
        [owner, base, name],
      );
    },
    board: (streams) => readBoard(pool, base, streams),
    async take({ stream, fence }) {
      const { rows } = await pool.query<{ fence: string | null }>(
        "SELECT standpipe.take_stream($1, $2::uuid, $3) AS fence",
        [stream, owner, fence],
      );
      const taken = rows[0]?.fence ?? null;
      return taken === null ? null : Number(taken);
    },
    async give({ stream, fence }) {
      await pool.query(
        "UPDATE standpipe.stream_lease SET owner = NULL WHERE stream = $1 AND fence = $2 AND owner = $3",
        [stream, fence, owner],
      );
    },
    async leave() {
      await pool.query("UPDATE standpipe.stream_lease SET owner = NULL WHERE owner = $1", [owner]);
    },
    places: (stream) => readPlaces(pool, stream),
  };
}

async function readBoard(pool: Pool, base: string, streams: readonly string[]): Promise<LeaseBoard> {
  const { rows } = await pool.query<{ leases: LeaseBoard["leases"] | null; workers: LeaseBoard["workers"] | null }>(
    `SELECT (SELECT json_agg(json_build_object('stream', stream, 'fence', fence, 'owner', owner) ORDER BY stream)
         FROM standpipe.stream_lease WHERE stream = ANY ($1::text[])) AS leases,
       (SELECT json_agg(json_build_object('name', name, 'owner', owner, 'beat', beat)) 
         FROM standpipe.stream_worker WHERE stream = $2) AS workers`,
    [streams, base],
  );
  return { leases: rows[0]?.leases ?? [], workers: rows[0]?.workers ?? [] };
}

async function readPlaces(pool: Pool, stream: string): Promise<ReadonlyMap<number, EntryId>> {
  const { rows } = await pool.query<{ lane: number; ms: string; n: string }>(
    "SELECT lane, ms, n FROM standpipe.stream_place WHERE stream = $1",
    [stream],
  );
  return new Map(rows.map(({ lane, ms, n }) => [lane, { ms: Number(ms), n: Number(n) }]));
}

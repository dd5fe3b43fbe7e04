/** Tombstones by day. */
import type { Pool } from "pg";

export interface TurnOptions {
  readonly keepDays: number;
  /** Until the answer is given up, and the connection with it; milliseconds. Without it, as long as any query of the pool. */
  readonly limitMs?: number;
}

/** Opens the partitions of the days to come and drops those older than `keepDays`. */
export async function turnTombstones(pool: Pool, { keepDays, limitMs }: TurnOptions): Promise<void> {
  await pool.query({
    text: "SELECT standpipe.turn_tombstones($1)",
    values: [keepDays],
    ...(limitMs !== undefined && { query_timeout: limitMs }),
  });
}

/** Tombstones by day. */
import type { Pool } from "pg";

/** Opens the partitions of the days to come and drops those older than `keepDays` */
export async function turnTombstones(pool: Pool, { keepDays }: { readonly keepDays: number }): Promise<void> {
  await pool.query("SELECT standpipe.turn_tombstones($1)", [keepDays]);
}

/** With how many lanes a database was written. */
import type { Pool } from "pg";

/** Another number than `lanes`, under which any lane was written; null where there is none. Rejects as the database does. */
export async function otherLanes(pool: Pool, lanes: number): Promise<number | null> {
  const { rows } = await pool.query<{ lanes: number }>(
    "SELECT lanes FROM standpipe.lane WHERE lanes <> $1 ORDER BY applied_at DESC LIMIT 1",
    [lanes],
  );
  return rows[0]?.lanes ?? null;
}

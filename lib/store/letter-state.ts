/** What became of one dead letter. */
import type { Pool } from "pg";

export type LetterState = "open" | "applied" | "superseded";

/** Null where there is none of this id. */
export async function letterState(pool: Pool, id: string): Promise<LetterState | null> {
  const { rows } = await pool.query<{ state: LetterState }>("SELECT state FROM standpipe.dead_letter WHERE id = $1", [
    id,
  ]);
  return rows[0]?.state ?? null;
}

/** The gap ledger. */
import type { Pool } from "pg";
import type { Gap } from "../core/cursor.ts";
import { gapStatement } from "./rare-changes.ts";

/** Writes a span that may be missing; the same span again changes nothing. Rejects as the database does. */
export async function recordGap(pool: Pool, gap: Gap): Promise<void> {
  const { text, values } = gapStatement([gap]);
  await pool.query(text, [...values]);
}

/** The gap ledger. */
import type { Pool } from "pg";
import type { Gap } from "../core/cursor.ts";
import { storeError } from "./postgres-errors.ts";
import { gapStatement } from "./rare-changes.ts";

/** Writes a span that may be missing; the same span again changes nothing. Rejects with a StoreError. */
export async function recordGap(pool: Pool, gap: Gap): Promise<void> {
  const { text, values } = gapStatement([gap]);
  await pool.query(text, [...values]).catch((error: unknown) => {
    throw storeError(error);
  });
}

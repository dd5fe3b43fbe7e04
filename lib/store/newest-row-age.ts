/** A database in, how old its newest rows are out: what the canary asks, with the rights of who may only read. */
import { escapeIdentifier, type QueryConfig } from "pg";
import type { Queryable } from "./overview.ts";

export interface NewestRowOptions {
  /** DATABASE_SCHEMA: where the views are. */
  readonly schema: string;
  /** For the answer; milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Seconds between the sender's time of the newest event whose rows are stored and now, by the server's clock; null where nothing was stored
 * yet. A sender's clock that is ahead counts as the moment in which we wrote. One statement over a row a lane, whatever the size of the
 * database, and nothing that would pin a session of a pooler. Rejects as the client does.
 */
export async function readNewestRowAge(
  database: Queryable,
  { schema, timeoutMs }: NewestRowOptions,
): Promise<number | null> {
  const statement: QueryConfig & { readonly query_timeout: number } = {
    text: `SELECT extract(epoch FROM now() - max(least(applied_time, applied_at)))::float8 AS age
           FROM ${escapeIdentifier(schema)}.firehose_cursor WHERE applied_time IS NOT NULL`,
    query_timeout: timeoutMs,
  };
  const { rows } = await database.query<{ age: number | null }>(statement);
  return rows[0]?.age ?? null;
}

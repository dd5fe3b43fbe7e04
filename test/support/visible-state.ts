/** What a database ends as, without what may differ between two runs (numbers given in order of arrival, times of writing). */
import type { Pool } from "pg";
import { checkCounters } from "../../lib/store/check-counters.ts";

export async function visibleState(pool: Pool): Promise<unknown> {
  const queries = {
    records: "SELECT uri, cid, rev, value FROM all_records ORDER BY uri",
    problems: "SELECT uri, problem, cbor FROM generic_records WHERE problem IS NOT NULL ORDER BY uri",
    posts: "SELECT * FROM post_counts ORDER BY uri",
    actors: "SELECT * FROM actor_counts ORDER BY did",
  };
  const state: Record<string, unknown> = { wrongCounters: await checkCounters(pool) };
  for (const [name, query] of Object.entries(queries)) {
    state[name] = (await pool.query<Record<string, unknown>>(query)).rows;
  }
  return state;
}

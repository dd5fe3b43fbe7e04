/** A database in; out: everything in which it differs from what an undisturbed run over the recording leaves. */
import { Pool } from "pg";
import { borrowEmbeddedPostgres } from "../../lib/store/embedded/borrow.ts";
import { differences } from "./expected-end.ts";
import { silentLog } from "./silent-log.ts";

/** `lastSeq` is where the saved cursor has to be. One line each; none where nothing was lost, doubled or left lying about. */
export async function faultsOf(connectionString: string, { lastSeq }: { readonly lastSeq: number }): Promise<string[]> {
  const pool = new Pool({ connectionString, max: 1 });
  try {
    const found = await differences(pool);
    const { rows: cursors } = await pool.query<{ seq: string }>("SELECT DISTINCT cursor AS seq FROM firehose_cursor");
    const saved = cursors.map(({ seq }) => Number(seq)).join(" and ");
    if (saved !== String(lastSeq)) found.push(`cursor: ${saved || "none"} is saved, ${lastSeq} is right`);
    const { rows: gaps } = await pool.query<{ reason: string; detail: string }>("SELECT reason, detail FROM gaps");
    found.push(...gaps.map(({ reason, detail }) => `gap: ${reason}: ${detail}`));
    const { rows: marks } = await pool.query<{ mark: unknown }>("SELECT to_jsonb(m) AS mark FROM standpipe.mark AS m");
    found.push(...marks.map(({ mark }) => `mark: ${JSON.stringify(mark)}`));
    return found;
  } finally {
    await pool.end();
  }
}

/** As `faultsOf`, for the embedded database of a process that has ended. */
export async function embeddedFaultsOf(dataDir: string, options: { readonly lastSeq: number }): Promise<string[]> {
  await using embedded = await borrowEmbeddedPostgres({ dataDir, log: silentLog, command: "test" });
  return await faultsOf(embedded.connectionString(), options);
}

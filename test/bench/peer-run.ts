/** A corpus in, one run of `@atproto/bsky`'s indexer over it out: how long, what it cost, and that its records are there. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openEmbeddedPostgres } from "../../lib/store/embedded/embedded-postgres.ts";
import { startProcess } from "../support/process.ts";
import { silentLog } from "../support/silent-log.ts";
import type { Corpus } from "./corpus.ts";
import { postgresCpuSeconds, scratchFolder } from "./processes.ts";

export const PEER = "@atproto/bsky";

export interface PeerRun {
  /** From the relay's first subscriber to the end of the last task. */
  readonly seconds: number;
  readonly nodeCpuSeconds: number;
  readonly postgresCpuSeconds: number | null;
  readonly peakResidentBytes: number;
  /** Of the records in its collections, the share that it took: it refuses what does not fit its lexicons. */
  readonly recordShare: number;
}

interface IndexerOutcome {
  readonly endedAtMs: number;
  readonly nodeCpuSeconds: number;
  readonly peakResidentBytes: number;
  readonly records: Readonly<Record<string, number>>;
}

const LIMIT_MS = 660_000;
/** It has less of nothing that counts: what it refuses is a few per cent of a recording made of odd records. */
const LEAST_SHARE = 0.9;

/** On the embedded server with `synchronous_commit` off. @throws where its records are not there at the end. */
export async function peerRun(corpus: Corpus): Promise<PeerRun> {
  await using scratch = await scratchFolder();
  const dataDir = join(scratch.path, "data");
  const settings = { synchronous_commit: "off" };
  await using postgres = await openEmbeddedPostgres({ dataDir, log: silentLog, command: "bench", settings });
  await postgres.ensureDatabase("peer");
  await using relay = await corpus.startRelay();
  const script = fileURLToPath(new URL("peers/bsky-indexer.ts", import.meta.url));
  await using indexer = startProcess([relay.url, postgres.connectionString("peer"), String(corpus.lastSeq)], {
    script,
  });
  // Its tables are there by then.
  await indexer.waitForLine(/^ready$/, LIMIT_MS);
  const before = postgresCpuSeconds(dataDir);
  const [line] = await indexer.waitForLine(/^\{"endedAtMs".*/, LIMIT_MS);
  const { endedAtMs, records, ...cost } = JSON.parse(line) as IndexerOutcome;
  await indexer.exit;
  const after = postgresCpuSeconds(dataDir);
  return {
    ...cost,
    seconds: (endedAtMs - (await relay.subscribedAtMs())) / 1000,
    postgresCpuSeconds: after === null || before === null ? null : after - before,
    recordShare: shareOf(records, corpus),
  };
}

function shareOf(records: Readonly<Record<string, number>>, { name, records: expected }: Corpus): number {
  const wanted = Object.keys(records).reduce((sum, collection) => sum + (expected.get(collection) ?? 0), 0);
  const share = Object.values(records).reduce((sum, count) => sum + count, 0) / wanted;
  if (!(share >= LEAST_SHARE)) throw new Error(`${PEER} has ${share * 100} % of the records of ${name}`);
  return share;
}

/** A corpus in, one run of `standpipe start` over it out: how long, what it cost, and whether everything is there. */
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../support/postgres-client.ts";
import { usageOf } from "../support/process-usage.ts";
import type { Corpus } from "./corpus.ts";
import { postgresCpuSeconds, type Relay, type Standpipe, startStandpipe } from "./processes.ts";

export interface OurRun {
  /** From the relay's first subscriber until every lane is seen at its end in the database. */
  readonly seconds: number;
  /** Without what was spent before the relay was read. Null where it cannot be known. */
  readonly nodeCpuSeconds: number | null;
  readonly postgresCpuSeconds: number | null;
  readonly relayCpuSeconds: number | null;
  readonly peakResidentBytes: number | null;
  /** The most at a time, the bench's own not counted. */
  readonly connections: Connections;
}

interface Connections {
  readonly pipeline: number;
  /** With the session that owns the embedded server. */
  readonly all: number;
}

const LOOK_EVERY_MS = 10;
const LIMIT_MS = 300_000;

/** `program`: the bundle's command, and what node is told before it. @throws where rows are missing at the end. */
export async function ourRun(
  corpus: Corpus,
  program: { readonly script: string; readonly nodeArgs?: readonly string[] },
): Promise<OurRun> {
  await using relay = await corpus.startRelay();
  const relayBefore = relay.cpuSeconds();
  await using standpipe = await startStandpipe({ ...program, relay });
  const before = cost(standpipe);
  const { endedAtMs, connections, after, relayAfter } = await watchToTheEnd({ standpipe, relay, corpus });
  const { peakResidentBytes = null } = usageOf(standpipe.process.pid) ?? {};
  await standpipe.process.kill("SIGTERM");
  return {
    seconds: (endedAtMs - (await relay.subscribedAtMs())) / 1000,
    nodeCpuSeconds: difference(after.node, before.node),
    postgresCpuSeconds: difference(after.postgres, before.postgres),
    relayCpuSeconds: difference(relayAfter, relayBefore),
    peakResidentBytes,
    connections,
  };
}

interface Watched {
  readonly standpipe: Standpipe;
  readonly relay: Relay;
  readonly corpus: Corpus;
}

async function watchToTheEnd({ standpipe, relay, corpus }: Watched) {
  const client = new Client({ connectionString: standpipe.connectionString });
  await client.connect();
  try {
    const seen = await untilDurable(client, corpus.laneSeqs);
    const after = cost(standpipe);
    const relayAfter = relay.cpuSeconds();
    await checkRows(client, corpus);
    return { ...seen, after, relayAfter };
  } finally {
    await client.end();
  }
}

function cost({ process, dataDir }: Standpipe): { readonly node: number | null; readonly postgres: number | null } {
  return { node: usageOf(process.pid)?.cpuSeconds ?? null, postgres: postgresCpuSeconds(dataDir) };
}

function difference(after: number | null, before: number | null): number | null {
  return after === null || before === null ? null : after - before;
}

/** A lane's seq is written by the transaction that writes its rows: who sees the one sees the others. */
export async function laneSeqsOf(client: Client): Promise<ReadonlyMap<number, number>> {
  const { rows } = await client.query<{ lane: number; seq: string }>("SELECT lane, seq FROM standpipe.lane");
  return new Map(rows.map(({ lane, seq }) => [lane, Number(seq)]));
}

/** Resolves when every lane is at its end, looked at often. @throws after five minutes. */
export async function untilDurable(client: Client, laneSeqs: readonly number[]) {
  let connections: Connections = { pipeline: 0, all: 0 };
  for (const end = Date.now() + LIMIT_MS; Date.now() < end; await sleep(LOOK_EVERY_MS)) {
    const seqs = await laneSeqsOf(client);
    const endedAtMs = Date.now();
    if (laneSeqs.every((seq, lane) => (seqs.get(lane) ?? 0) >= seq)) return { endedAtMs, connections };
    const { pipeline, all } = await otherConnections(client);
    connections = { pipeline: Math.max(pipeline, connections.pipeline), all: Math.max(all, connections.all) };
  }
  throw new Error(`not durable within ${LIMIT_MS / 1000} s`);
}

async function otherConnections(client: Client): Promise<Connections> {
  const { rows } = await client.query<Connections>(
    `SELECT count(*)::int AS all, (count(*) FILTER (WHERE application_name = 'standpipe'))::int AS pipeline
     FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
  );
  return rows[0] ?? { pipeline: 0, all: 0 };
}

/** @throws where a collection has more or fewer rows than the frames leave. */
export async function checkRows(client: Client, { name, records }: Corpus): Promise<void> {
  const { rows } = await client.query<{ collection: string; count: number }>(
    "SELECT collection, count(*)::int AS count FROM records GROUP BY 1",
  );
  const stored = new Map(rows.map(({ collection, count }) => [collection, count]));
  const wrong = [...new Set([...records.keys(), ...stored.keys()])]
    .filter((collection) => records.get(collection) !== stored.get(collection))
    .map((collection) => `${collection}: ${stored.get(collection)} for ${records.get(collection)}`);
  if (wrong.length > 0) throw new Error(`the rows of ${name} are not what the frames leave: ${wrong.join("; ")}`);
}

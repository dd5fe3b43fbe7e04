/**
 * `node test/bench/throughput.ts [--runs N] [--profile FOLDER]`: the bundled recording from a relay process through `standpipe start` into
 * a fresh embedded Postgres (fsync on), N times. Prints events a second from the first event to the last durable one, and what each
 * process cost. For numbers worth comparing nothing else may run on the machine.
 */
import { chmod, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client } from "pg";
import { postgresProcesses } from "../support/postgres-processes.ts";
import { startProcess } from "../support/process.ts";
import { type ProcessUsage, usageOf } from "../support/process-usage.ts";
import { projectRoot } from "../support/project-root.ts";
import { removeWithServers } from "../support/remove-with-servers.ts";

const RECORDING = join(projectRoot, "test/fixtures/network.spr");
const LAST_SEQ = 6_501;
const RUN_LIMIT_MS = 120_000;
const LOOK_EVERY_MS = 20;

interface Run {
  readonly seconds: number;
  readonly relay: ProcessUsage;
  readonly start: ProcessUsage;
  /** CPU time spent before the first event: Node's own start, opening the database, migrating. */
  readonly startBeforeCpuSeconds: number;
  readonly postgresCpuSeconds: number;
}

const NOTHING: ProcessUsage = { cpuSeconds: 0, peakResidentBytes: 0 };

async function measure(nodeArgs: readonly string[]): Promise<Run> {
  const root = await mkdtemp(join(tmpdir(), "standpipe-bench-"));
  // As root the server runs as another user, who has to get in.
  await chmod(root, 0o755);
  const dataDir = join(root, "data");
  try {
    await using relay = startProcess(["relay", "--replay", RECORDING, "--port", "0"]);
    const [, relayUrl = ""] = await relay.waitForLine(/^relay at (ws:[^,]+),/);
    const env = { RELAY_URL: relayUrl, STANDPIPE_DATA_DIR: dataDir, PORT: "0", HTTP_HOST: "127.0.0.1" };
    await using start = startProcess(["start"], { env, nodeArgs, cwd: root });
    const [, connectionString = ""] = await start.waitForLine(/^database {2}(\S+)/);
    await start.waitForLine(/"msg":"reading"/);
    const before = { start: usageOf(start.pid) ?? NOTHING, postgres: postgresCpuSeconds(dataDir) };
    const seconds = await durableAfterSeconds(connectionString, start.stderr());
    const run = {
      seconds,
      relay: usageOf(relay.pid) ?? NOTHING,
      start: usageOf(start.pid) ?? NOTHING,
      startBeforeCpuSeconds: before.start.cpuSeconds,
      postgresCpuSeconds: postgresCpuSeconds(dataDir) - before.postgres,
    };
    await start.kill("SIGTERM");
    return run;
  } finally {
    await removeWithServers(root);
  }
}

function postgresCpuSeconds(dataDir: string): number {
  return postgresProcesses(dataDir)
    .map((pid, index) => usageOf(pid, { withEnded: index === 0 })?.cpuSeconds ?? 0)
    .reduce((sum, seconds) => sum + seconds, 0);
}

/** From the line that tells of the first event to the last transaction, both by the clock of this machine. */
async function durableAfterSeconds(connectionString: string, log: string): Promise<number> {
  const line = log.split("\n").find((candidate) => candidate.includes('"msg":"reading"')) ?? "{}";
  const startedAtMs = Date.parse((JSON.parse(line) as { readonly time: string }).time);
  const client = new Client({ connectionString });
  await client.connect();
  try {
    for (const end = Date.now() + RUN_LIMIT_MS; Date.now() < end; await sleep(LOOK_EVERY_MS)) {
      const { rows } = await client.query<{ seq: string | null; at: Date | null }>(
        "SELECT (SELECT max(seq) FROM standpipe.cursor) AS seq, (SELECT max(applied_at) FROM standpipe.lane) AS at",
      );
      const [row] = rows;
      if (Number(row?.seq) === LAST_SEQ && row?.at) return (row.at.getTime() - startedAtMs) / 1000;
    }
  } finally {
    await client.end();
  }
  throw new Error(`not durable within ${RUN_LIMIT_MS / 1000} s`);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

function describe({ seconds, relay, start, startBeforeCpuSeconds, postgresCpuSeconds: postgres }: Run): string {
  const cpu = (start.cpuSeconds - startBeforeCpuSeconds).toFixed(2);
  return (
    `${Math.round(LAST_SEQ / seconds)} events/s  (${seconds.toFixed(2)} s; CPU: start ${cpu} s, Postgres ${postgres.toFixed(2)} s, ` +
    `relay ${relay.cpuSeconds.toFixed(2)} s with its own start; peak RSS: start ${megabytes(start)}, relay ${megabytes(relay)})`
  );
}

function megabytes({ peakResidentBytes }: ProcessUsage): string {
  return `${Math.round(peakResidentBytes / 1e6)} MB`;
}

const { values } = parseArgs({ options: { runs: { type: "string", default: "5" }, profile: { type: "string" } } });
const nodeArgs = values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${values.profile}`];
const rates: number[] = [];
for (let index = 0; index < Number(values.runs); index += 1) {
  const run = await measure(nodeArgs);
  rates.push(LAST_SEQ / run.seconds);
  console.log(describe(run));
}
const spread = `${Math.round(Math.min(...rates))} to ${Math.round(Math.max(...rates))}`;
console.log(`median ${Math.round(median(rates))} events/s of ${rates.length} runs (${spread})`);

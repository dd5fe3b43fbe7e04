/** A corpus in, `standpipe ingest` and `standpipe work` over it out: how long each took, and what it cost. */
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type StartedProcess, startProcess } from "../support/process.ts";
import { usageOf } from "../support/process-usage.ts";
import type { Corpus } from "./corpus.ts";
import { openBenchDatabase } from "./database.ts";
import { checkRows, untilDurable } from "./our-run.ts";
import { type Bundle, LANES } from "./processes.ts";
import { type BenchRedis, startBenchRedis } from "./redis-server.ts";
import type { WriterTimes } from "./redis-writer.ts";

export type RedisFormat = "events" | "packs";

export interface ProcessRun {
  readonly seconds: number;
  /** Of our process; null where it cannot be known. */
  readonly peakResidentBytes: number | null;
  readonly cpuSeconds: number | null;
}

export interface RedisRun {
  readonly ingest: ProcessRun & { readonly bytesAnEvent: number };
  readonly work: ProcessRun;
}

/** So that the stream never has to wait for somebody to read it. */
const MOST_EVENTS = "10000000";
const LOOK_EVERY_MS = 5;
const LIMIT_MS = 120_000;

/** Fills a Redis from the relay, stops, and reads it into a new database. `program`: the bundle's command. */
export async function redisRun(
  corpus: Corpus,
  program: Pick<Bundle, "script">,
  format: RedisFormat,
): Promise<RedisRun> {
  await using redis = await startBenchRedis();
  const env = {
    REDIS_URL: redis.url,
    REDIS_FORMAT: format,
    REDIS_MAX_STREAM_LEN: MOST_EVENTS,
    LANES: String(LANES),
    HTTP_HOST: "127.0.0.1",
    PORT: "0",
  };
  const ingest = await ingestRun(corpus, { program, redis, env });
  return { ingest, work: await workRun(corpus, { program, env }) };
}

interface Program extends Pick<Bundle, "script"> {
  /** Of node, before the script. */
  readonly nodeArgs?: readonly string[];
}

interface Setting {
  readonly program: Program;
  readonly env: Readonly<Record<string, string>>;
}

async function ingestRun(
  corpus: Corpus,
  { program, redis, env }: Setting & { readonly redis: BenchRedis },
): Promise<RedisRun["ingest"]> {
  await using relay = await corpus.startRelay();
  await using started = startProcess(["ingest", "--from", "oldest"], {
    ...program,
    env: { ...env, RELAY_URL: relay.url },
  });
  await started.waitForLine(/"msg":"reading"/);
  const endedAtMs = await untilCursor(redis, corpus.lastSeq, started);
  const seconds = (endedAtMs - (await relay.subscribedAtMs())) / 1000;
  const usage = usageOf(started.pid);
  await started.kill("SIGTERM");
  const usedBytes = Number(/^used_memory_dataset:(\d+)/m.exec(await redis.client.info("memory"))?.[1]);
  return { ...runOf(seconds, usage), bytesAnEvent: usedBytes / corpus.events };
}

/** Entries and cursor are written together: with the last event's seq as cursor, all of them are there. */
async function untilCursor({ client }: BenchRedis, seq: number, { stderr }: StartedProcess): Promise<number> {
  for (const end = Date.now() + LIMIT_MS; Date.now() < end; await sleep(LOOK_EVERY_MS)) {
    const cursor = Number(await client.get("firehose:cursor"));
    if (cursor >= seq) return Date.now();
  }
  throw new Error(`not in the stream within ${LIMIT_MS / 1000} s\n${stderr()}`);
}

async function workRun(corpus: Corpus, { program, env }: Setting): Promise<ProcessRun> {
  await using database = await openBenchDatabase();
  const { connectionString, client } = database;
  await using started = startProcess(["work"], { ...program, env: { ...env, DATABASE_URL: connectionString } });
  const [line] = await started.waitForLine(/^\{.*"msg":"reading a stream".*/);
  const { endedAtMs } = await untilDurable(client, corpus.laneSeqs);
  const usage = usageOf(started.pid);
  await checkRows(client, corpus);
  await started.kill("SIGTERM");
  return runOf((endedAtMs - Date.parse((JSON.parse(line) as { readonly time: string }).time)) / 1000, usage);
}

function runOf(seconds: number, usage: ReturnType<typeof usageOf>): ProcessRun {
  return { seconds, peakResidentBytes: usage?.peakResidentBytes ?? null, cpuSeconds: usage?.cpuSeconds ?? null };
}

/** The writer by itself, in a process of its own, on a Redis of its own. */
export async function writerRun(recording: string, laps: number, format: RedisFormat): Promise<WriterTimes> {
  await using redis = await startBenchRedis();
  const script = fileURLToPath(new URL("redis-writer.ts", import.meta.url));
  const args = [script, redis.url, format, recording, String(laps)];
  const told = execFileSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  return JSON.parse(told) as WriterTimes;
}

/** `redis`: a relay's frames through `standpipe ingest` into a real Redis, and from there through `standpipe work` into Postgres, in both forms of entries. */
import { cpus } from "node:os";
import { type Corpus, freshCorpus } from "../corpus.ts";
import { type Figure, median, type Part, type PartOptions, summary } from "../figure.ts";
import { signedFrames, sizeOf } from "../load/frames.ts";
import { buildBundle } from "../processes.ts";
import { type ProcessRun, type RedisFormat, type RedisRun, redisRun, writerRun } from "../redis-runs.ts";
import { redisVersion } from "../redis-server.ts";
import type { WriterTimes } from "../redis-writer.ts";
import { rounds } from "../rounds.ts";

export const redis: Part = {
  name: "redis",
  about:
    "A relay process, `standpipe ingest`, redis-server with its writes logged, `standpipe work`, embedded Postgres with fsync on; loopback; at the end each collection has as many records as the frames leave.",
  run,
};

/** Of new accounts each, so that all of it writes new rows. */
const LAPS = { quick: 3, full: 8 } as const;
/** Of the writer alone, whose events lie in memory. */
const WRITER_LAPS = { quick: 4, full: 8 } as const;
const MOST_RESIDENT_MEGABYTES = 256;
const BUDGETS = {
  packs: { writer: 50_000, worker: 12_000 },
  events: { writer: 15_000, worker: 12_000 },
} as const;

async function run(options: PartOptions): Promise<readonly Figure[]> {
  const version = redisVersion();
  if (version === null) return [notInstalled()];
  const { quick, log } = options;
  const recording = signedFrames({ size: sizeOf(quick), log });
  const size = quick ? "quick" : "full";
  const corpus = freshCorpus("signed load", { recording, laps: LAPS[size] });
  await using bundle = await buildBundle();
  const figures: Figure[] = [];
  for (const format of ["packs", "events"] as const) {
    const runs: RedisRun[] = [];
    const alone: WriterTimes[] = [];
    for (const _ of rounds({ least: 1, most: quick ? 1 : 3, withinSeconds: 30 })) {
      runs.push(await redisRun(corpus, bundle, format));
      alone.push(await writerRun(recording, WRITER_LAPS[size], format));
      log(`${format}: ingest ${rate(corpus, runs.at(-1)?.ingest)}, work ${rate(corpus, runs.at(-1)?.work)} events/s`);
    }
    figures.push(...figuresOf({ format, corpus, runs, alone, version }));
  }
  return figures;
}

function notInstalled(): Figure {
  return {
    part: "redis",
    name: "not measured",
    value: Number.NaN,
    unit: "",
    note: "redis-server is not installed on this machine (apt-get install redis-server).",
  };
}

function rate({ events }: Corpus, run: ProcessRun | undefined): number {
  return run === undefined ? Number.NaN : Math.round(events / run.seconds);
}

interface Measured {
  readonly format: RedisFormat;
  readonly corpus: Corpus;
  readonly runs: readonly RedisRun[];
  readonly alone: readonly WriterTimes[];
  readonly version: string;
}

function figuresOf(measured: Measured): readonly Figure[] {
  const { format, corpus, runs, version } = measured;
  const { writer, worker } = BUDGETS[format];
  const speed = (of: (run: RedisRun) => ProcessRun) => ({
    unit: "events/s",
    ...summary(runs.map((each) => corpus.events / of(each).seconds)),
  });
  const part = "redis";
  return [
    {
      part,
      name: `${format}: ingest, from a relay process`,
      ...speed(({ ingest }) => ingest),
      budget: { atLeast: writer },
      note: `${corpus.events.toLocaleString("en")} events of the signed load, from the subscription until the cursor in Redis ${version} is the last event's. Relay, ingest and redis-server share the machine's ${cpus().length} cores.`,
    },
    aloneFigure(measured),
    {
      part,
      name: `${format}: work, into Postgres`,
      ...speed(({ work }) => work),
      budget: { atLeast: worker },
      note: `The stream that ingest has left, from the lease until every lane is at its end in a new database. DB_POOL_SIZE and BATCH_SIZE as they are by default.`,
    },
    ...(["ingest", "work"] as const).map((command) => memoryFigure(measured, command)),
    ...(["ingest", "work"] as const).map((command) => processorFigure(measured, command)),
    {
      part,
      name: `${format}: bytes in Redis`,
      unit: "B an event",
      ...summary(runs.map(({ ingest }) => ingest.bytesAnEvent)),
    },
  ];
}

function aloneFigure({ format, alone }: Measured): Figure {
  const speeds = alone.map(({ events, seconds }) => events / seconds);
  const plain = alone.map(({ events, plainSeconds }) => events / plainSeconds);
  return {
    part: "redis",
    name: `${format}: the writer alone`,
    unit: "events/s",
    ...summary(speeds),
    budget: { atLeast: BUDGETS[format].writer },
    peer: { name: "plain XADD", value: median(plain) },
    note: "Events from memory, decoded before: making entries or packs, and writing them with the cursor, one transaction for each cut. A cut ends when it has 500 entries, or one of its lanes 500 events, or 768 KiB of them. Beside it the same entries, made before, as XADDs in pipelines of 500 without cursor or transaction (of packs, which hold hundreds of events each, all in one).",
  };
}

function memoryFigure({ format, runs }: Measured, command: keyof RedisRun): Figure {
  const megabytes = runs.map((run) => (run[command].peakResidentBytes ?? Number.NaN) / 1e6);
  return {
    part: "redis",
    name: `${format}: peak memory of ${command}`,
    unit: "MB",
    ...summary(megabytes),
    budget: { atMost: MOST_RESIDENT_MEGABYTES },
  };
}

function processorFigure({ format, corpus, runs }: Measured, command: keyof RedisRun): Figure {
  const micros = runs.map((run) => ((run[command].cpuSeconds ?? Number.NaN) * 1e6) / corpus.events);
  return { part: "redis", name: `${format}: CPU of ${command}`, unit: "µs an event", ...summary(micros) };
}

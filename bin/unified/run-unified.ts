/** A database and relays in, rows until something ends it: the whole of `standpipe start`, without what is around it. */
import { setTimeout } from "node:timers/promises";
import { readTotals } from "../../lib/store/overview.ts";
import { errorLine } from "../../lib/telemetry/log.ts";
import { explainDatabaseError, isDatabaseAway } from "../database-trouble.ts";
import { migrateDatabase } from "../migrate-database.ts";
import { StopRequested } from "../stop-signals.ts";
import { drainWithin, ended, tellEnd, whenIdle } from "./ends.ts";
import { keepHouse } from "./keep-house.ts";
import { openPipeline, type Pipeline, type PipelineOptions } from "./pipeline.ts";
import { retried } from "./retry.ts";
import { untilConnected } from "./until-connected.ts";

export interface UnifiedOptions extends PipelineOptions {
  /** End once nothing has arrived for so long; null: never. */
  readonly exitWhenIdleMs: number | null;
  /** Whether its end is told on the screen, in one line. */
  readonly tellsEnd: boolean;
}

/** `stopped`: asked to. */
export type UnifiedEnd = "stopped" | "idle" | "no-relay";

/** A stop has to end within ten seconds, and the embedded server needs its part of them. */
const DRAIN_LIMIT_MS = 4_000;
const COUNT_LIMIT_MS = 500;

/** Rejects with what no retry mends: fenced, a database that is not as it has to be, a fault of ours. */
export async function runUnified(options: UnifiedOptions): Promise<UnifiedEnd> {
  try {
    await using pipeline = await openWhenPossible(options);
    using _house = keepHouse(pipeline.store.pool, options);
    return await runPipeline(pipeline, options);
  } catch (error) {
    if (error instanceof StopRequested) {
      tellOwnEnd("stopped", options);
      return "stopped";
    }
    throw explainDatabaseError(error);
  }
}

/** Waits for the database as long as it takes. */
async function openWhenPossible(options: UnifiedOptions): Promise<Pipeline> {
  const { surroundings, settings, connectionString, stop } = options;
  const { telemetry, vitals } = surroundings;
  return retried(
    async () => {
      await migrateDatabase({ connectionString, settings, log: telemetry.log });
      const pipeline = await openPipeline(options);
      vitals.connectTrouble = null;
      return pipeline;
    },
    {
      signal: stop,
      worthRetrying: isDatabaseAway,
      onRetry(error, delayMs) {
        vitals.connectTrouble = errorLine(error);
        telemetry.log.warn("the database is away, trying again until it answers", {
          error: errorLine(error),
          retryInMs: delayMs,
        });
      },
    },
  );
}

async function runPipeline(pipeline: Pipeline, options: UnifiedOptions): Promise<UnifiedEnd> {
  const { stop, surroundings } = options;
  const reading = new AbortController();
  const read = pipeline.read(AbortSignal.any([stop, reading.signal]));
  try {
    const end = await Promise.race([
      pipeline.failed,
      read.then(() => ended(stop)),
      whenIdle(options, reading.signal),
      whenNoRelay(pipeline, options, reading.signal),
    ]);
    reading.abort();
    await read;
    const isDrained = await drainWithin((signal) => pipeline.drain(signal), { limitMs: DRAIN_LIMIT_MS, surroundings });
    if (isDrained) await countAgain(pipeline, options);
    tellOwnEnd(end, options);
    return end;
  } finally {
    reading.abort();
    await read.catch(() => undefined);
    surroundings.screen.endStatus();
  }
}

/** The status may be a second old; where the database has just gone, that has to do. */
async function countAgain({ store }: Pipeline, { surroundings: { vitals } }: UnifiedOptions): Promise<void> {
  const counted = readTotals(store.pool).catch(() => vitals.totals);
  vitals.totals = await Promise.race([counted, setTimeout(COUNT_LIMIT_MS, vitals.totals, { ref: false })]);
}

/** What comes instead of a relay that does not answer is said by who does it. */
function tellOwnEnd(end: UnifiedEnd, options: UnifiedOptions): void {
  if (options.tellsEnd && end !== "no-relay") tellEnd(end, options);
}

async function whenNoRelay(pipeline: Pipeline, options: UnifiedOptions, signal: AbortSignal): Promise<UnifiedEnd> {
  const { relayLimitMs } = pipeline;
  if (relayLimitMs === null) return pending();
  const { vitals } = options.surroundings;
  const answered = await untilConnected(() => vitals.source?.().connected === true, { limitMs: relayLimitMs, signal });
  return answered ? pending() : "no-relay";
}

function pending(): Promise<never> {
  return new Promise(() => undefined);
}

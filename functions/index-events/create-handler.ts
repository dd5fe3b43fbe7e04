/** Settings in, the function that Lambda calls with packs out. */
import type { Settings } from "../../lib/config/processes.ts";
import { createCounters } from "../../lib/telemetry/counters.ts";
import { createEmf } from "../../lib/telemetry/emf.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { createTelemetry } from "../../lib/telemetry/telemetry.ts";
import { DeploymentError } from "./errors.ts";
import { createIndexer } from "./indexer.ts";
import type { BatchResponse, InvocationContext, KinesisEvent } from "./kinesis-event.ts";
import { type Item, readItems } from "./read-items.ts";
import { workItems } from "./work-items.ts";

export interface HandlerOptions {
  readonly settings: Settings<"index-events">;
  readonly nowMs: () => number;
  /** Lines of metrics, each with its newline. */
  readonly writeMetrics: (line: string) => void;
  /** Lines of the log. */
  readonly writeLog: (line: string) => void;
  /** Shorter only in tests, which cannot wait so long. */
  readonly statementLimitMs?: number;
}

export interface IndexEvents extends AsyncDisposable {
  /**
   * Resolves with the first record that has to come again, and everything behind it comes with it. Rejects where a person has to mend
   * something, and on faults of our own: then all of it comes again, in halves, and the invocation counts as an error.
   */
  handle(event: KinesisEvent, context: InvocationContext): Promise<BatchResponse>;
  /** Connects ahead of the first batch; never rejects. */
  warmUp(): Promise<void>;
}

/** So long before it would be killed, the function has stopped by itself: what is in hand has to be rolled back, and answered. */
export const STOP_BEFORE_END_MS = 10_000;

/** The same as the dimensions of the alarms. */
const DIMENSIONS = { command: "index-events" } as const;

/** @throws ConfigurationError or CredentialsError where the settings lack something. */
export function createHandler(options: HandlerOptions): IndexEvents {
  const { settings, nowMs, writeMetrics, writeLog, statementLimitMs } = options;
  const counters = createCounters();
  const log = createLog({ level: settings.LOG_LEVEL, readable: false, write: writeLog });
  const telemetry = createTelemetry({ counters, log });
  const indexer = createIndexer({ settings, telemetry, nowMs, statementLimitMs });
  const namespace = settings.EMF_NAMESPACE;
  const emf = namespace === null ? null : createEmf({ counters, namespace, dimensions: DIMENSIONS, nowMs });
  return {
    async handle(event, context) {
      const remainingMs = (): number => context.getRemainingTimeInMillis() - STOP_BEFORE_END_MS;
      try {
        checkTime(context);
        const items = readItems(event, { lanes: settings.LANES });
        const work = { worker: indexer, maxEvents: settings.BATCH_SIZE, remainingMs, telemetry };
        const done = await workItems(items, work);
        // Not after trouble, which one more query does not mend.
        if (done === items.length) await indexer.keepHouse(remainingMs());
        return responseOf(items, done);
      } finally {
        if (emf !== null) writeMetrics(emf.line());
      }
    },
    warmUp: () => indexer.warmUp(),
    [Symbol.asyncDispose]: () => indexer[Symbol.asyncDispose](),
  };
}

/** Otherwise every batch would come again for ever, and nobody would hear why. */
function checkTime(context: InvocationContext): void {
  const remainingMs = context.getRemainingTimeInMillis();
  if (remainingMs > STOP_BEFORE_END_MS) return;
  throw new DeploymentError(
    `an invocation begins with ${remainingMs} ms and stops ${STOP_BEFORE_END_MS} ms before its end: give the function a longer time-out, such as 60 s`,
  );
}

/** Lambda goes on at the lowest number: naming the first is enough, and what follows it keeps its order. */
function responseOf(items: readonly Item[], done: number): BatchResponse {
  const next = items[done];
  return { batchItemFailures: next === undefined ? [] : [{ itemIdentifier: next.sequenceNumber }] };
}

/** Settings in, packs in the stream until something ends it: the whole of `standpipe ingest`, without what is around it. */
import { StopRequested } from "../stop-signals.ts";
import { endLine } from "../unified/end-line.ts";
import { untilIdle } from "../unified/idle.ts";
import { type KinesisPipeline, type KinesisPipelineOptions, openKinesisPipeline } from "./kinesis-pipeline.ts";

export interface IngestRunOptions extends KinesisPipelineOptions {
  /** End once nothing has arrived for so long; null: never. */
  readonly exitWhenIdleMs: number | null;
}

type IngestEnd = "stopped" | "idle";

/** A stop has to end within ten seconds; the lease is given back after it. */
const DRAIN_LIMIT_MS = 6_000;

/** Rejects with what no retry mends: another process has taken over, a setting that is wrong, a fault of ours. */
export async function runIngest(options: IngestRunOptions): Promise<void> {
  try {
    await using pipeline = await openKinesisPipeline(options);
    tellEnd(await runPipeline(pipeline, options), options);
  } catch (error) {
    if (!(error instanceof StopRequested)) throw error;
    tellEnd("stopped", options);
  }
}

async function runPipeline(pipeline: KinesisPipeline, options: IngestRunOptions): Promise<IngestEnd> {
  const { stop, surroundings } = options;
  const reading = new AbortController();
  const read = pipeline.read(AbortSignal.any([stop, reading.signal]));
  try {
    const end = await Promise.race([pipeline.failed, read.then(() => ended(stop)), whenIdle(options, reading.signal)]);
    reading.abort();
    await read;
    await drain(pipeline, options);
    return end;
  } finally {
    reading.abort();
    await read.catch(() => undefined);
    surroundings.screen.endStatus();
  }
}

/** What ended the reading: a person, or a fault told to `stop`. */
function ended(stop: AbortSignal): IngestEnd {
  if (!(stop.reason instanceof StopRequested)) throw stop.reason;
  return "stopped";
}

/** What the stream does not take now is read again by the next process. */
async function drain(pipeline: KinesisPipeline, { surroundings }: IngestRunOptions): Promise<void> {
  try {
    await pipeline.drain(AbortSignal.timeout(DRAIN_LIMIT_MS));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    surroundings.telemetry.log.warn("not everything could be made durable in time; it is read again at the next start");
  }
}

/** Pending for ever where nobody wants it. */
async function whenIdle({ surroundings, exitWhenIdleMs }: IngestRunOptions, signal: AbortSignal): Promise<IngestEnd> {
  if (exitWhenIdleMs === null) return new Promise(() => undefined);
  const { vitals } = surroundings;
  await untilIdle(
    () => ({
      connected: vitals.source?.().connected ?? false,
      lastFrameAtMs: vitals.source?.().lastFrameAtMs ?? null,
      bytesInFlight: vitals.ingest?.().bytesInFlight ?? 0,
    }),
    { idleAfterMs: exitWhenIdleMs, signal },
  );
  return "idle";
}

function tellEnd(end: IngestEnd, { surroundings, exitWhenIdleMs }: IngestRunOptions): void {
  const { screen, vitals } = surroundings;
  screen.endStatus();
  const why = end === "idle" ? `nothing new for ${(exitWhenIdleMs ?? 0) / 1000} s` : "stopped";
  screen.line(endLine(why, vitals.snapshot()));
}

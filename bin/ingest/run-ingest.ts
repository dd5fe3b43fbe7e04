/** Settings in, packs in the stream until something ends it: the whole of `standpipe ingest`, without what is around it. */
import { StopRequested } from "../stop-signals.ts";
import { drainWithin, ended, tellEnd, whenIdle } from "../unified/ends.ts";
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
    await drainWithin((signal) => pipeline.drain(signal), { limitMs: DRAIN_LIMIT_MS, surroundings });
    return end;
  } finally {
    reading.abort();
    await read.catch(() => undefined);
    surroundings.screen.endStatus();
  }
}

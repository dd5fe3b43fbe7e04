/** A pipeline in, events in its stream until something ends it: the whole of `standpipe ingest`, without what is around it. */
import { SetBackError } from "../../lib/core/cursor.ts";
import { StopRequested } from "../stop-signals.ts";
import { drainWithin, ended, tellEnd, whenIdle } from "../unified/ends.ts";
import type { LongLivedProcess } from "../unified/process.ts";

/** The parts at work. Disposing stops them; what is not durable comes again. */
export interface IngestPipeline extends AsyncDisposable {
  /** Reads from the relay until the signal aborts; rejects where no retry mends it. */
  read(signal: AbortSignal): Promise<void>;
  /** Rejects where a part has failed for good, or another process has taken over; pending otherwise. */
  readonly failed: Promise<never>;
  /** Everything accepted is in the stream and its cursor saved. Call it when nothing reads any more. */
  drain(signal: AbortSignal): Promise<void>;
}

export interface IngestRunOptions {
  readonly surroundings: LongLivedProcess;
  /** Asks for a drain. */
  readonly stop: AbortSignal;
  /** End once nothing has arrived for so long; null: never. */
  readonly exitWhenIdleMs: number | null;
  /** Rejects with what a person has to mend, and with the reason of `stop`. */
  readonly open: (again: OpeningAgain) => Promise<IngestPipeline>;
}

/** Whether this process has read before: then where a first start begins says nothing. */
export interface OpeningAgain {
  readonly again: boolean;
}

type IngestEnd = "stopped" | "idle";

/** A stop has to end within ten seconds; the lease is given back after it. */
const DRAIN_LIMIT_MS = 6_000;

/** Rejects with what no retry mends: another process has taken over, a setting that is wrong, a fault of ours. */
export async function runIngest(options: IngestRunOptions): Promise<void> {
  for (let again = false; ; again = true) {
    try {
      await using pipeline = await options.open({ again });
      tellEnd(await runPipeline(pipeline, options), options);
      return;
    } catch (error) {
      if (error instanceof StopRequested) {
        tellEnd("stopped", options);
        return;
      }
      if (!(error instanceof SetBackError)) throw error;
      // What the stream has now counts: reading goes on from the cursor that it has, or from what has been applied.
      options.surroundings.telemetry.count("stream_set_backs_total");
      options.surroundings.telemetry.log.error("the stream has lost what it had taken; reading goes back", {
        error: error.message,
      });
    }
  }
}

async function runPipeline(pipeline: IngestPipeline, options: IngestRunOptions): Promise<IngestEnd> {
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

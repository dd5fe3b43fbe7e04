/** Work that waits for services which may be away, as long as it takes, and tells it where an operator looks. */
import { errorLine } from "../../lib/telemetry/log.ts";
import type { LongLivedProcess } from "../unified/process.ts";
import { retried } from "../unified/retry.ts";

export interface AnsweringOptions {
  readonly surroundings: LongLivedProcess;
  /** Ends the waiting. */
  readonly stop: AbortSignal;
  /** Who does not answer, at the beginning of a sentence: "AWS". */
  readonly who: string;
  /** False for what only a person can mend. */
  readonly worthRetrying: (error: unknown) => boolean;
}

/** @throws what is not worth retrying, and the reason of `stop`. */
export async function whenAnswering<Result>(work: () => Promise<Result>, options: AnsweringOptions): Promise<Result> {
  const { stop, who, worthRetrying } = options;
  const { telemetry, vitals, waitShare } = options.surroundings;
  const result = await retried(work, {
    signal: stop,
    waitShare,
    worthRetrying,
    onRetry(error, delayMs) {
      vitals.connectTrouble = errorLine(error);
      telemetry.log.warn(`${who} does not answer as it should; trying again until it does`, {
        error: errorLine(error),
        retryInMs: delayMs,
      });
    },
  });
  vitals.connectTrouble = null;
  return result;
}

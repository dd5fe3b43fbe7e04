/** Work that needs something which may be away: tried again, ever more slowly, until it works or is given up. */
import { pause } from "./pause.ts";

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 5_000;

export interface RetryOptions {
  readonly signal: AbortSignal;
  /** Of the usual delays; 1 where it is not given. */
  readonly waitShare?: number;
  /** False where no retry can mend it: then the error is thrown on. */
  readonly worthRetrying: (error: unknown) => boolean;
  /** Told before each wait. */
  readonly onRetry: (error: unknown, delayMs: number) => void;
}

/** @throws the signal's reason when it aborts, and whatever is not worth retrying. */
export async function retried<Result>(work: () => Promise<Result>, options: RetryOptions): Promise<Result> {
  const { waitShare = 1 } = options;
  for (let delayMs = FIRST_DELAY_MS * waitShare; ; delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS * waitShare)) {
    options.signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!options.worthRetrying(error)) throw error;
      options.onRetry(error, delayMs);
    }
    await pause(delayMs, options.signal);
  }
}

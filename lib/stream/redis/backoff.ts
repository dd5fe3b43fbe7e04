/** Waiting before the next attempt. */

const FIRST_MS = 50;

/** Doubles with each failure up to its bound (milliseconds), and is half random. */
export function backoffMs(failures: number, random: () => number, longestMs: number): number {
  return Math.min(longestMs, FIRST_MS * 2 ** Math.min(failures - 1, 10)) * (0.5 + random() / 2);
}

/** Resolves after so long; rejects with the signal's reason. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

/** Events a second over the last five seconds, from a counter that only grows. */

const WINDOW_MS = 5_000;

export interface RateMeter {
  /** Notes the counter's value now and returns the rate since the oldest note of the window, a second. */
  sample(total: number): number;
}

/** `nowMs` is a monotonic clock in milliseconds. */
export function createRateMeter(nowMs: () => number): RateMeter {
  const notes: { readonly atMs: number; readonly total: number }[] = [];
  return {
    sample(total) {
      const atMs = nowMs();
      notes.push({ atMs, total });
      // One note older than the window stays: the rate then covers the whole window.
      while (notes.length > 2 && atMs - (notes[1]?.atMs ?? atMs) >= WINDOW_MS) notes.shift();
      const oldest = notes[0];
      if (oldest === undefined || atMs <= oldest.atMs) return 0;
      return ((total - oldest.total) * 1000) / (atMs - oldest.atMs);
    },
  };
}

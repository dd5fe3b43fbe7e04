/** Work that may take too long, with an end. */
import { setTimeout as pause } from "node:timers/promises";

export interface LimitOptions {
  readonly limitMs: number;
  /** Makes the work reject soon. */
  readonly cut: () => void;
}

/** `ended`: it has rejected after the cut, and nothing of it goes on; `abandoned`: it hangs all the same. */
export type LimitedResult = "done" | "ended" | "abandoned";

/** Telling the database that we live (`WorkMarks.release`) takes a second at the most. Milliseconds. */
const END_LIMIT_MS = 2_000;

/** Rejects as the work does within its time. */
export async function withinTime(work: Promise<void>, { limitMs, cut }: LimitOptions): Promise<LimitedResult> {
  const stopped = new AbortController();
  const timeUp = (ms: number): Promise<"time-up"> =>
    pause(ms, "time-up" as const, { signal: stopped.signal }).catch(() => "time-up" as const);
  try {
    const first = await Promise.race([work.then(() => "done" as const), timeUp(Math.max(0, limitMs))]);
    if (first === "done") return "done";
    cut();
    const settled = work.then(
      () => "done" as const,
      () => "ended" as const,
    );
    const second = await Promise.race([settled, timeUp(END_LIMIT_MS)]);
    return second === "time-up" ? "abandoned" : second;
  } finally {
    stopped.abort();
  }
}

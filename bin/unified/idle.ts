/** `--exit-when-idle`: when has nothing arrived for long enough, and is all of it durable? */
import { pause } from "./pause.ts";

export interface Activity {
  /** When the newest frame came, Unix milliseconds; null before the first. */
  readonly lastFrameAtMs: number | null;
  /** Accepted and not yet durable. */
  readonly bytesInFlight: number;
}

export interface IdleOptions {
  readonly idleAfterMs: number;
  /** Unix milliseconds. */
  readonly now?: () => number;
  readonly signal: AbortSignal;
}

const LOOK_EVERY_MS = 100;

/**
 * Resolves once nothing has arrived for so long, counted from now at the earliest, and nothing is in flight; resolves too when the
 * signal aborts.
 */
export async function untilIdle(activity: () => Activity, options: IdleOptions): Promise<void> {
  const now = options.now ?? Date.now;
  const startedAtMs = now();
  while (!options.signal.aborted) {
    const { lastFrameAtMs, bytesInFlight } = activity();
    const quietForMs = now() - Math.max(startedAtMs, lastFrameAtMs ?? 0);
    if (quietForMs >= options.idleAfterMs && bytesInFlight === 0) return;
    await pause(LOOK_EVERY_MS, options.signal);
  }
}

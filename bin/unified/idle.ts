/** `--exit-when-idle`: when has nothing arrived for long enough, and is all of it durable? */
import { pause } from "./pause.ts";

export interface Activity {
  readonly connected: boolean;
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
 * Resolves once nothing has arrived for so long, counted from the first connection, and nothing is in flight; resolves too when the
 * signal aborts. Where no relay has ever answered, nothing is known of what there is to read: then it waits.
 */
export async function untilIdle(activity: () => Activity, options: IdleOptions): Promise<void> {
  const now = options.now ?? Date.now;
  let connectedAtMs: number | null = null;
  while (!options.signal.aborted) {
    const { connected, lastFrameAtMs, bytesInFlight } = activity();
    if (connected || lastFrameAtMs !== null) connectedAtMs ??= now();
    const quietForMs = connectedAtMs === null ? 0 : now() - Math.max(connectedAtMs, lastFrameAtMs ?? 0);
    if (quietForMs >= options.idleAfterMs && bytesInFlight === 0) return;
    await pause(LOOK_EVERY_MS, options.signal);
  }
}

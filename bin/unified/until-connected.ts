/** Whether something holds within a time. */
import { pause } from "./pause.ts";

const LOOK_EVERY_MS = 50;

/** True as soon as `isConnected` says so; false at the limit, or when the signal aborts. */
export async function untilConnected(
  isConnected: () => boolean,
  options: { readonly limitMs: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const end = performance.now() + options.limitMs;
  while (performance.now() < end && !options.signal.aborted) {
    if (isConnected()) return true;
    await pause(LOOK_EVERY_MS, options.signal);
  }
  return isConnected();
}

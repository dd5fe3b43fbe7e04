/** A log in, one that keeps its warnings to itself for a while out. */
import type { Log } from "../../lib/telemetry/port.ts";

export interface QuietOptions {
  readonly forMs: number;
  /** What is warned of with a connection is no matter of being without a network. */
  readonly isConnected: () => boolean;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** Until so much time has passed warnings are at debug; whoever looks for them still finds them. */
export function quietAtFirst(log: Log, { forMs, isConnected, nowMs }: QuietOptions): Log {
  const untilMs = nowMs() + forMs;
  return {
    debug: (message, fields) => log.debug(message, fields),
    info: (message, fields) => log.info(message, fields),
    warn: (message, fields) =>
      nowMs() < untilMs && !isConnected() ? log.debug(message, fields) : log.warn(message, fields),
    error: (message, fields) => log.error(message, fields),
  };
}

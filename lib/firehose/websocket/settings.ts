/** Every number of the websocket source in one place, with unit, default and reason. */
import { MAX_FRAME_BYTES } from "../../core/limits.ts";

export interface WebsocketSettings {
  /** First reconnect waits up to this; each further failure doubles it. */
  readonly backoffBaseMs: number;
  /** … up to this. The wait is drawn evenly from 0 to that bound (full jitter). */
  readonly backoffCapMs: number;
  /** A connection that lasted so long and showed life counts as good: failures are forgotten. */
  readonly provenAfterMs: number;
  /** Failures in a row before the next relay of the list is tried. */
  readonly attemptsPerRelay: number;
  /** From the first byte sent to the open websocket, redirects each anew. */
  readonly connectTimeoutMs: number;
  /** Longest `Retry-After` that is honoured; longer ones count as this. */
  readonly maxRetryAfterMs: number;
  readonly maxRedirects: number;
  /** Nothing heard (frame, ping or pong) for so long: we ping. */
  readonly pingAfterMs: number;
  /** No answer to our ping for so long: the connection is dead. */
  readonly pongTimeoutMs: number;
  /**
   * A relay that was busy and sends no frame for so long is left even if it answers pings: some stop
   * sending and keep the socket. Relays that were never busy may be quiet for ever.
   */
  readonly silenceLimitMs: number;
  /** Frames in every watch interval for so long make a relay a busy one. */
  readonly busyAfterMs: number;
  /** How often the watchdog looks and counts are handed to telemetry. */
  readonly watchIntervalMs: number;
  /** Longest frame that is decoded (sync specification: 5 MB). */
  readonly maxFrameBytes: number;
  /** Longest frame that is read at all, once, to be set aside as a dead letter. */
  readonly maxOversizeBytes: number;
  /** The same bad frame at the same place so often becomes a dead letter. */
  readonly strikes: number;
  /** `FutureCursor` so often in a row means that the numbering began anew, not that one backend of the host lags. */
  readonly futureCursorConfirmations: number;
  /** How far before the last durable event another relay is entered: their orders differ. */
  readonly rewindMs: number;
  /** The search for that place is good enough when it begins at most so long before it. */
  readonly entryToleranceMs: number;
  /** Connections that the search may open. */
  readonly maxProbes: number;
  /** How long a probe waits for its first dated frame. */
  readonly probeTimeoutMs: number;
  /** Dated frames whose middle time stands for a place, and how long after the first the others are waited for. */
  readonly probeSample: number;
  readonly probeSettleMs: number;
}

export const DEFAULT_WEBSOCKET_SETTINGS: WebsocketSettings = {
  backoffBaseMs: 500,
  backoffCapMs: 30_000,
  provenAfterMs: 5_000,
  attemptsPerRelay: 5,
  connectTimeoutMs: 15_000,
  maxRetryAfterMs: 300_000,
  maxRedirects: 5,
  pingAfterMs: 20_000,
  pongTimeoutMs: 10_000,
  silenceLimitMs: 300_000,
  busyAfterMs: 60_000,
  watchIntervalMs: 1_000,
  maxFrameBytes: MAX_FRAME_BYTES,
  maxOversizeBytes: 16 * 1024 * 1024,
  strikes: 3,
  futureCursorConfirmations: 3,
  rewindMs: 300_000,
  entryToleranceMs: 30_000,
  maxProbes: 20,
  probeTimeoutMs: 10_000,
  probeSample: 15,
  probeSettleMs: 250,
};

/** Waits that a share of the usual ones is taken of; the others are times of events, or counts. */
const WAITS = [
  "backoffBaseMs",
  "backoffCapMs",
  "provenAfterMs",
  "connectTimeoutMs",
  "maxRetryAfterMs",
  "pingAfterMs",
  "pongTimeoutMs",
  "silenceLimitMs",
  "busyAfterMs",
  "watchIntervalMs",
  "probeTimeoutMs",
  "probeSettleMs",
] as const;

/** The defaults with shorter waits. `waitShare`: 1 is the usual. */
export function settingsWithWaits(waitShare: number): WebsocketSettings {
  const waits = WAITS.map((name) => [name, DEFAULT_WEBSOCKET_SETTINGS[name] * waitShare]);
  return { ...DEFAULT_WEBSOCKET_SETTINGS, ...Object.fromEntries(waits) };
}

/** Where time and chance come from; tests hand in their own. */
export interface SourceClock {
  /** Unix milliseconds: stamps `receivedAtMs`. */
  readonly nowMs: () => number;
  /** Milliseconds that never go back: measures waits. */
  readonly monotonicMs: () => number;
  /** 0 ≤ x < 1: jitter. */
  readonly random: () => number;
}

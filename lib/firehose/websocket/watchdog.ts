/** When a connection was heard → leave it alone, ping it, or give it up. No timer of its own: whoever owns one asks. */
import type { WebsocketSettings } from "./settings.ts";

export type Verdict =
  | "fine"
  /** Nothing heard for long: ask. */
  | "ping"
  /** The ping was not answered. */
  | "dead"
  /** A busy relay sends no frames any more, though it may answer pings. */
  | "silent";

export type WatchdogSettings = Pick<
  WebsocketSettings,
  "pingAfterMs" | "pongTimeoutMs" | "silenceLimitMs" | "busyAfterMs" | "watchIntervalMs"
>;

/** All times are milliseconds of one clock that never goes back. */
export class Watchdog {
  readonly #settings: WatchdogSettings;
  /** Last frame, ping or pong. */
  #heardAtMs: number;
  /** Last frame. */
  #frameAtMs: number;
  /** When a ping was sent that nothing was heard after. */
  #pingedAtMs: number | null = null;
  #askedAtMs: number;
  /** Since when frames came in every interval. */
  #steadySinceMs: number;
  #busy: boolean;

  constructor(settings: WatchdogSettings, start: { readonly nowMs: number; readonly busy: boolean }) {
    this.#settings = settings;
    this.#heardAtMs = start.nowMs;
    this.#frameAtMs = start.nowMs;
    this.#askedAtMs = start.nowMs;
    this.#steadySinceMs = start.nowMs;
    this.#busy = start.busy;
  }

  /** Whether this relay sends all the time, so that silence is suspicious. */
  get busy(): boolean {
    return this.#busy;
  }

  frame(nowMs: number): void {
    this.#frameAtMs = nowMs;
    this.heard(nowMs);
  }

  heard(nowMs: number): void {
    this.#heardAtMs = nowMs;
    this.#pingedAtMs = null;
  }

  /** To be asked every `watchIntervalMs`; after "ping" the caller sends one. */
  judge(nowMs: number): Verdict {
    this.#forgiveOwnStall(nowMs);
    this.#noteBusy(nowMs);
    const { silenceLimitMs, pongTimeoutMs, pingAfterMs } = this.#settings;
    if (this.#busy && nowMs - this.#frameAtMs >= silenceLimitMs) return "silent";
    if (this.#pingedAtMs !== null) return nowMs - this.#pingedAtMs >= pongTimeoutMs ? "dead" : "fine";
    if (nowMs - this.#heardAtMs < pingAfterMs) return "fine";
    this.#pingedAtMs = nowMs;
    return "ping";
  }

  /** When we are asked late, our own event loop stood still and answers may lie unread: that time counts against nobody. */
  #forgiveOwnStall(nowMs: number): void {
    const lateMs = nowMs - this.#askedAtMs - this.#settings.watchIntervalMs;
    this.#askedAtMs = nowMs;
    if (lateMs <= this.#settings.watchIntervalMs) return;
    this.#heardAtMs = Math.min(nowMs, this.#heardAtMs + lateMs);
    this.#frameAtMs = Math.min(nowMs, this.#frameAtMs + lateMs);
    if (this.#pingedAtMs !== null) this.#pingedAtMs = Math.min(nowMs, this.#pingedAtMs + lateMs);
  }

  /** Busy is who sent something in every interval for long enough; one burst of a quiet relay's backlog is not. */
  #noteBusy(nowMs: number): void {
    if (nowMs - this.#frameAtMs > this.#settings.watchIntervalMs * 2) this.#steadySinceMs = nowMs;
    else if (nowMs - this.#steadySinceMs >= this.#settings.busyAfterMs) this.#busy = true;
  }
}

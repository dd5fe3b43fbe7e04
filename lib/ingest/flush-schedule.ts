/** Lanes with an open pack in, those whose pack is due out, as a call. One timer for all of them. */
import type { LaneWriter } from "./lane-writer.ts";

export interface FlushScheduleOptions {
  /** How old an open pack may become. 0: it goes at the next turn of the event loop, so that what one socket read brought goes together. */
  readonly maxAgeMs: number;
  /** Closes the lane's pack, and calls `closed`. */
  readonly onDue: (lane: LaneWriter) => void;
}

/**
 * A lane whose last pack is still on its way is left alone until that is durable: its open pack only grows meanwhile, so a slow
 * stream gets fewer and larger packs instead of a queue of small ones.
 */
export class FlushSchedule implements Disposable {
  readonly #options: FlushScheduleOptions;
  /** When each open pack's first event came, monotonic milliseconds; in the order of opening, so the oldest comes first. */
  readonly #open = new Map<LaneWriter, number>();
  #cancel: (() => void) | null = null;
  #timerDueAtMs = Number.POSITIVE_INFINITY;

  constructor(options: FlushScheduleOptions) {
    this.#options = options;
  }

  /** The lane's first event since its last pack has come. */
  opened(lane: LaneWriter): void {
    this.#open.set(lane, performance.now());
    this.freed(lane);
  }

  closed(lane: LaneWriter): void {
    this.#open.delete(lane);
  }

  /** Nothing of the lane is on its way any more. */
  freed(lane: LaneWriter): void {
    const openedAtMs = this.#open.get(lane);
    if (lane.isBusy || openedAtMs === undefined) return;
    this.#arm(openedAtMs + this.#options.maxAgeMs);
  }

  /** Lanes with an open pack, oldest first. */
  lanes(): readonly LaneWriter[] {
    return [...this.#open.keys()];
  }

  [Symbol.dispose](): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#open.clear();
  }

  #arm(dueAtMs: number): void {
    if (dueAtMs >= this.#timerDueAtMs) return;
    this.#cancel?.();
    this.#timerDueAtMs = dueAtMs;
    const delayMs = dueAtMs - performance.now();
    if (delayMs <= 0) {
      const immediate = setImmediate(() => this.#fire());
      this.#cancel = () => clearImmediate(immediate);
    } else {
      const timer = setTimeout(() => this.#fire(), delayMs);
      this.#cancel = () => clearTimeout(timer);
    }
  }

  #fire(): void {
    this.#cancel = null;
    this.#timerDueAtMs = Number.POSITIVE_INFINITY;
    const { maxAgeMs, onDue } = this.#options;
    for (const [lane, openedAtMs] of this.#open) {
      if (lane.isBusy) continue;
      const dueAtMs = openedAtMs + maxAgeMs;
      if (dueAtMs > performance.now()) {
        this.#arm(dueAtMs);
        return;
      }
      onDue(lane);
    }
  }
}

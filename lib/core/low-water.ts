/** Events accepted and packs made durable, in; the low-water mark, out: the seq up to which everything is durable. */

/** A place up to which everything is durable, with the event time it stands for. */
export interface LowWaterMark {
  readonly seq: number;
  /** The sender's time of the newest event at or before `seq`, Unix milliseconds; null where none was readable. */
  readonly timeMs: number | null;
}

/** One pack's worth of a lane, from its first event on. */
interface Span {
  readonly firstSeq: number;
  /** The newest readable event time before its first event, of any lane. */
  readonly timeBeforeMs: number | null;
}

/**
 * Lanes become durable at their own pace, so the mark is the oldest seq that still waits in any of them, minus one; or the
 * newest accepted, where nothing waits. It never moves back.
 *
 *     accepted        101 to lane 0, 102 to lane 1, 105 to lane 0, 107 to lane 1
 *     sealed          lane 0 [101 105]   lane 1 [102 107]
 *     lane 1 durable  mark 100: 101 still waits, although 107 is safe
 *     lane 0 durable  mark 107: nothing waits
 *     accepted        109 to lane 0                  mark 108, which the relay does not use: 109 is what comes next
 *     accepted        112 to lane 1, sealed, durable mark 108 still
 *
 * Each lane is a queue of spans: `accept` opens one or adds to the open one, `seal` closes it, `durable` takes the oldest closed
 * one away. Accepting costs the same however many lanes there are, asking for the mark costs O(lanes).
 */
export class LowWater {
  readonly #sealed: Span[][];
  readonly #open: (Span | null)[];
  #newestSeq: number;
  #newestTimeMs: number | null;
  #mark: LowWaterMark;

  /** `start` is where reading starts: everything up to it is durable, or not wanted. */
  constructor(lanes: number, start: LowWaterMark) {
    this.#sealed = Array.from({ length: lanes }, () => []);
    this.#open = Array.from({ length: lanes }, () => null);
    this.#newestSeq = start.seq;
    this.#newestTimeMs = start.timeMs;
    this.#mark = start;
  }

  /** The next event, in the order of seqs (a seq may come twice), has gone to this lane. */
  accept(lane: number, seq: number, timeMs: number | null): void {
    this.#open[lane] ??= { firstSeq: seq, timeBeforeMs: this.#newestTimeMs };
    if (seq > this.#newestSeq) this.#newestSeq = seq;
    if (timeMs !== null) this.#newestTimeMs = timeMs;
  }

  /** What the lane has accepted since its last seal is now one pack. */
  seal(lane: number): void {
    const span = this.#open[lane];
    if (!span) return;
    this.#sealed[lane]?.push(span);
    this.#open[lane] = null;
  }

  /** The lane's oldest sealed pack is durable. */
  durable(lane: number): void {
    this.#sealed[lane]?.shift();
  }

  mark(): LowWaterMark {
    let oldest: Span | null = null;
    for (const [lane, open] of this.#open.entries()) {
      const span = this.#sealed[lane]?.[0] ?? open;
      if (span && (oldest === null || span.firstSeq < oldest.firstSeq)) oldest = span;
    }
    const mark =
      oldest === null
        ? { seq: this.#newestSeq, timeMs: this.#newestTimeMs }
        : { seq: oldest.firstSeq - 1, timeMs: oldest.timeBeforeMs };
    // An event that repeats the seq before it (a frame that could not be read) waits behind a mark that has passed it already.
    if (mark.seq > this.#mark.seq) this.#mark = mark;
    return this.#mark;
  }
}

/** A recording, perhaps looped and paced, as the endless stream of a relay: which positions exist when, and which seq they carry. */
import { replaceSeq } from "./frame-seq.ts";
import type { FrameStore, StoredFrame } from "./frame-store.ts";

export interface TimelineOptions {
  /** Events that happen a second; `"max"`: all have happened before the first subscriber comes. */
  readonly speed: number | "max";
  /** How often the recording is played; `Infinity` without end. Every further round goes on counting seq. */
  readonly loops: number;
  /** How many of the newest events a cursor can reach back; `Infinity` keeps all. */
  readonly windowEvents: number;
}

/** Where a subscriber begins. */
export type Start =
  | { readonly kind: "from"; readonly position: number; readonly outdated: boolean }
  | { readonly kind: "future"; readonly newestSeq: number };

export class Timeline {
  readonly #store: FrameStore;
  readonly #options: TimelineOptions;
  /** What a round adds to seq. */
  readonly #span: number;

  constructor(store: FrameStore, options: TimelineOptions) {
    this.#store = store;
    this.#options = options;
    this.#span = store.lastSeq - store.firstSeq + 1;
  }

  /** Positions of the whole performance. */
  get length(): number {
    return this.#store.length === 0 ? 0 : this.#store.length * this.#options.loops;
  }

  /** How many events have happened so long after the start. */
  happened(elapsedMs: number): number {
    const { speed } = this.#options;
    return speed === "max" ? this.length : Math.min(this.length, Math.floor((elapsedMs * speed) / 1000));
  }

  /**
   * The cursor rules of the event stream specification. No cursor begins at the next event to happen; with `speed: "max"`, where
   * all have happened, at the first, so that every such subscriber sees the whole performance.
   */
  start(cursor: number | null, happened: number, { inclusive }: { readonly inclusive: boolean }): Start {
    const { speed, windowEvents } = this.#options;
    if (cursor === null) return { kind: "from", position: speed === "max" ? 0 : happened, outdated: false };
    const newestSeq = happened === 0 ? 0 : this.#seqAt(happened - 1);
    if (cursor > newestSeq) return { kind: "future", newestSeq };
    const oldest = Number.isFinite(happened) ? Math.max(0, happened - windowEvents) : 0;
    const wanted = this.#positionAfter(inclusive ? cursor - 1 : cursor);
    const outdated = happened > 0 && cursor < this.#seqAt(oldest) - 1;
    return { kind: "from", position: Math.max(wanted, oldest), outdated };
  }

  /** Up to `max` frames from a position on, of those that have happened. */
  frames(position: number, happened: number, max: number): readonly Uint8Array[] {
    const round = Math.floor(position / this.#store.length);
    const available = Math.min(max, happened - position);
    if (!(available > 0)) return [];
    const stored = this.#store.from(position % this.#store.length, available);
    return stored.map((frame) => this.#inRound(frame, round));
  }

  #inRound({ bytes, place }: StoredFrame, round: number): Uint8Array {
    return round === 0 || place === null ? bytes : replaceSeq(bytes, place, place.seq + round * this.#span);
  }

  #seqAt(position: number): number {
    if (!Number.isFinite(position)) return Number.MAX_SAFE_INTEGER;
    const [frame] = this.#store.from(position % this.#store.length);
    return (frame?.seq ?? 0) + Math.floor(position / this.#store.length) * this.#span;
  }

  #positionAfter(seq: number): number {
    const round = Math.max(0, Math.floor((seq - this.#store.firstSeq + 1) / this.#span));
    return round * this.#store.length + this.#store.positionAfter(seq - round * this.#span);
  }
}

/** Events → the items of a cut, in the form of one stream: packs of all lanes, or entries. */
import type { RelayPosition } from "../core/cursor.ts";
import { type Entry, encodeEntry } from "../core/entry-write.ts";
import type { FirehoseEvent } from "../core/event.ts";
import { laneOf } from "../core/lane.ts";
import type { Pack } from "../core/pack.ts";
import { PackBuilder } from "../core/pack-builder.ts";

export interface CutBuilder<Item> {
  /** Events since the last seal. */
  readonly count: number;
  /** Whether the cut has to be sealed before it grows further. */
  readonly isFull: boolean;
  /** Returns the bytes that the event takes of the budget. */
  append(event: FirehoseEvent, frame: Uint8Array | null, position: RelayPosition): number;
  /** What was appended, and the builder empty again. */
  seal(position: RelayPosition, fence: number): readonly Item[];
}

export interface CutLimits {
  /** Of one pack, or of one cut of entries. */
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** What one event costs beside its bytes: its share of objects on both sides of the stream. */
const EVENT_OVERHEAD_BYTES = 200;

/** Packs of those lanes that have something. */
export class PackCutBuilder implements CutBuilder<Pack> {
  readonly #lanes: readonly { readonly builder: PackBuilder; number: number }[];
  readonly #limits: CutLimits;
  #count = 0;
  #isFull = false;

  constructor(lanes: number, limits: CutLimits) {
    this.#lanes = Array.from({ length: lanes }, () => ({ builder: new PackBuilder(), number: 0 }));
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  append(event: FirehoseEvent): number {
    const lane = this.#lanes[laneOf(event.did, this.#lanes.length)];
    if (lane === undefined) throw new RangeError(`no lane for ${event.did}`);
    const { builder } = lane;
    const before = builder.byteLength;
    builder.append(event);
    this.#count++;
    this.#isFull ||= builder.count >= this.#limits.maxEvents || builder.byteLength >= this.#limits.maxBytes;
    return builder.byteLength - before + EVENT_OVERHEAD_BYTES;
  }

  seal({ relay, epoch }: RelayPosition, fence: number): readonly Pack[] {
    this.#count = 0;
    this.#isFull = false;
    return this.#lanes.flatMap((state, lane) => {
      if (state.builder.count === 0) return [];
      state.number++;
      return [state.builder.seal({ lane, lanes: this.#lanes.length, relay, epoch, fence, number: state.number })];
    });
  }
}

/** One entry an event, in the order of the relay. */
export class EntryCutBuilder implements CutBuilder<Entry> {
  readonly #limits: CutLimits;
  #entries: Entry[] = [];
  #bytes = 0;

  constructor(limits: CutLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#entries.length;
  }

  get isFull(): boolean {
    return this.#entries.length >= this.#limits.maxEvents || this.#bytes >= this.#limits.maxBytes;
  }

  append(event: FirehoseEvent, frame: Uint8Array | null, position: RelayPosition): number {
    const entry = encodeEntry(event, frame, position);
    this.#entries.push(entry);
    this.#bytes += entry.data.length;
    return entry.data.length + EVENT_OVERHEAD_BYTES;
  }

  seal(): readonly Entry[] {
    const entries = this.#entries;
    this.#entries = [];
    this.#bytes = 0;
    return entries;
  }
}

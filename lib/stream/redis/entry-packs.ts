/** Entries of a stream as they were read → packs, lane by lane in their order, for whoever applies them. */

import { readEntry } from "../../core/entry-read.ts";
import { type EntryOrigin } from "../../core/entry-write.ts";
import type { FirehoseEvent } from "../../core/event.ts";
import { laneOf } from "../../core/lane.ts";
import { decodePack, type EntryId, type Pack, type PackSource } from "../../core/pack.ts";
import { PackBuilder } from "../../core/pack-builder.ts";
import { compareIds, fieldOf, parseId, type RawEntry } from "./replies.ts";

/** An entry in hand. */
export interface HeldEntry extends RawEntry {
  /** How often it has been delivered, this time included; null where nobody counted. */
  readonly deliveries: number | null;
  /** It was delivered to somebody else's consumer before, so that the place of what we have applied says nothing about it. */
  readonly isForeign: boolean;
}

/** Entries that are acknowledged together. */
export interface EntryGroup {
  readonly entries: readonly { readonly id: string; readonly seq: number; readonly isUnreadable: boolean }[];
  /** Null: nothing is to be applied (repeats). */
  readonly pack: Pack | null;
}

/** Bytes that are no pack: to be kept as a dead letter before the entry is acknowledged. */
export interface UnreadableEntry {
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly detail: string;
}

export interface EntryPacker {
  /** The groups are in an order in which packs of a lane may be applied. */
  pack(entries: readonly HeldEntry[]): {
    readonly groups: readonly EntryGroup[];
    readonly unreadable: readonly UnreadableEntry[];
  };
  /** The stream has begun anew behind these places: nothing later than `lastId` can have been applied from it. */
  setBack(lastId: EntryId): void;
}

export interface PackerOptions {
  readonly stream: string;
  readonly fence: number;
  readonly lanes: number;
  /** By lane, the last entry that was applied: older ones without an order of their own are repeats. */
  readonly places: ReadonlyMap<number, EntryId>;
  /** Delivered so often, an entry is worked alone. */
  readonly maxDeliveries: number;
}

/** @throws LanesDifferError from `pack` where a pack was written with another number of lanes. */
export function createPackPacker(options: PackerOptions): EntryPacker {
  const { stream, fence, lanes, maxDeliveries } = options;
  return {
    pack(entries) {
      const groups: EntryGroup[] = [];
      const unreadable: UnreadableEntry[] = [];
      for (const entry of entries) {
        const bytes = fieldOf(entry, "pack");
        const decoded = bytes === undefined ? null : decodePack(bytes);
        if (decoded?.ok !== true) {
          const detail = decoded === null ? "an entry without a pack" : `${decoded.reason} at byte ${decoded.offset}`;
          unreadable.push({ id: entry.id, bytes: bytes ?? Buffer.concat([...entry.fields]), detail });
          continue;
        }
        const { header } = decoded.pack;
        if (header.lanes !== lanes) throw new LanesDifferError(header.lanes);
        const isSuspect = (entry.deliveries ?? 1) > maxDeliveries;
        const source = { stream, fence, entry: parseId(entry.id), byArrival: false, isSuspect };
        const held = { id: entry.id, seq: header.firstSeq, isUnreadable: false };
        groups.push({ entries: [held], pack: { ...decoded.pack, source } });
      }
      return { groups, unreadable };
    },
    setBack: () => undefined,
  };
}

/** A pack in the stream was written with another number of lanes. */
export class LanesDifferError extends Error {
  override readonly name = "LanesDifferError";
  readonly stored: number;

  constructor(stored: number) {
    super(`a pack in the stream was written with LANES=${stored}`);
    this.stored = stored;
  }
}

/** A pack goes to the workers at so many events, or bytes. */
const MAX_EVENTS = 500;
const MAX_BYTES = 256 * 1024;

export function createEstablishedPacker(options: PackerOptions & { readonly defaultRelay: string }): EntryPacker {
  return new EstablishedPacker(options);
}

interface OpenPack {
  readonly builder: PackBuilder;
  readonly entries: { id: string; seq: number; isUnreadable: boolean }[];
  readonly origin: EntryOrigin;
  readonly byArrival: boolean;
  readonly isSuspect: boolean;
  lastSeq: number;
}

interface Taken {
  readonly entry: HeldEntry;
  readonly event: FirehoseEvent;
  readonly origin: EntryOrigin;
  readonly byArrival: boolean;
  readonly isUnreadable: boolean;
}

class EstablishedPacker implements EntryPacker {
  readonly #options: PackerOptions & { readonly defaultRelay: string };
  readonly #places: Map<number, EntryId>;
  /** Packs so far of each lane: the reader numbers them, under the fence of its lease. */
  readonly #numbers = new Map<number, number>();
  #lastSeq = 1;

  constructor(options: PackerOptions & { readonly defaultRelay: string }) {
    this.#options = options;
    this.#places = new Map(options.places);
  }

  pack(entries: readonly HeldEntry[]) {
    const groups: EntryGroup[] = [];
    const open = new Map<number, OpenPack>();
    for (const entry of entries) {
      const taken = this.#take(entry);
      const lane = laneOf(taken.event.did, this.#options.lanes);
      if (taken.byArrival && this.#isRepeat(entry, lane)) {
        groups.push({ entries: [{ id: entry.id, seq: taken.event.seq, isUnreadable: false }], pack: null });
        continue;
      }
      this.#add(taken, lane, open, groups);
    }
    for (const [lane, pack] of open) groups.push(this.#seal(lane, pack));
    return { groups, unreadable: [] };
  }

  setBack(lastId: EntryId): void {
    for (const [lane, place] of this.#places) {
      if (compareIds(place, lastId) > 0) this.#places.set(lane, lastId);
    }
  }

  #isRepeat(entry: HeldEntry, lane: number): boolean {
    const place = this.#places.get(lane);
    return !entry.isForeign && place !== undefined && compareIds(parseId(entry.id), place) <= 0;
  }

  #take(entry: HeldEntry): Taken {
    const [type, data, seq] = [1, 3, 5].map((at) => entry.fields[at]?.toString("utf8") ?? "");
    const writtenAtMs = parseId(entry.id).ms;
    const origin = { relay: this.#options.defaultRelay, epoch: 1 };
    const read = readEntry(
      { type: type as "commit", data: data ?? "", seq: seq ?? "" },
      { origin, seq: this.#lastSeq, writtenAtMs },
    );
    if (read.ok) {
      this.#lastSeq = Math.max(1, read.event.seq);
      return { entry, event: read.event, origin: read.origin, byArrival: !read.hasOrder, isUnreadable: false };
    }
    return { entry, event: this.#unreadable(entry, read.reason), origin, byArrival: true, isUnreadable: true };
  }

  /** Travels like any other, so that its dead letter is as durable as a row. */
  #unreadable(entry: HeldEntry, detail: string): FirehoseEvent {
    const texts = entry.fields.map((field) => field.toString("utf8"));
    const rawFrame = new Uint8Array(Buffer.from(JSON.stringify({ id: entry.id, fields: texts })));
    const receivedAtMs = parseId(entry.id).ms;
    const seq = this.#lastSeq;
    return { kind: "rejected", seq, did: "", timeMs: null, receivedAtMs, reason: "broken-envelope", detail, rawFrame };
  }

  #add(taken: Taken, lane: number, open: Map<number, OpenPack>, groups: EntryGroup[]): void {
    const { entry, event, origin, byArrival, isUnreadable } = taken;
    const isSuspect = (entry.deliveries ?? 1) > this.#options.maxDeliveries;
    let pack = open.get(lane);
    if (pack !== undefined && !fits(pack, taken, isSuspect)) {
      groups.push(this.#seal(lane, pack));
      pack = undefined;
    }
    pack ??= { builder: new PackBuilder(), entries: [], origin, byArrival, isSuspect, lastSeq: event.seq };
    open.set(lane, pack);
    pack.builder.append(event);
    pack.entries.push({ id: entry.id, seq: event.seq, isUnreadable });
    pack.lastSeq = event.seq;
  }

  #seal(lane: number, { builder, entries, origin, byArrival, isSuspect }: OpenPack): EntryGroup {
    const { stream, fence, lanes } = this.#options;
    const number = (this.#numbers.get(lane) ?? 0) + 1;
    this.#numbers.set(lane, number);
    const entry = parseId(entries.at(-1)?.id ?? "");
    const place = this.#places.get(lane);
    if (place === undefined || compareIds(entry, place) > 0) this.#places.set(lane, entry);
    const source: PackSource = { stream, fence, entry: this.#places.get(lane) ?? entry, byArrival, isSuspect };
    return { entries, pack: { ...builder.seal({ lane, lanes, ...origin, fence, number }), source } };
  }
}

/** One numbering, one kind of order, seqs that do not go back, and not too much of it. */
function fits(pack: OpenPack, { event, origin, byArrival }: Taken, isSuspect: boolean): boolean {
  const { builder } = pack;
  const isSame =
    pack.origin.relay === origin.relay &&
    pack.origin.epoch === origin.epoch &&
    pack.byArrival === byArrival &&
    pack.isSuspect === isSuspect;
  return isSame && event.seq >= pack.lastSeq && builder.count < MAX_EVENTS && builder.byteLength < MAX_BYTES;
}

/** Pack in, packs out that fit a record each, and single events that fit none. */
import type { FirehoseEvent } from "../../core/event.ts";
import { encodePack, type Pack, readPack } from "../../core/pack.ts";
import { PackBuilder } from "../../core/pack-builder.ts";

/** A pack with its bytes; `fits`: they go into a record. One that does not has a single event. */
export interface FittedPack {
  readonly pack: Pack;
  readonly bytes: Uint8Array;
  readonly fits: boolean;
}

/**
 * The events of `pack`, in order, in as few packs as halving gives; nearly always the pack itself. `firstNumber` is the number of the
 * first: where one becomes several, those after it move on, since readers take a number that is left out for a gap.
 */
export function fitRecords(
  pack: Pack,
  options: { readonly firstNumber: number; readonly maxBytes: number },
): FittedPack[] {
  const { firstNumber, maxBytes } = options;
  const numbered = { header: { ...pack.header, number: firstNumber }, body: pack.body };
  const bytes = encodePack(numbered);
  if (bytes.length <= maxBytes || pack.header.count === 1) {
    return [{ pack: numbered, bytes, fits: bytes.length <= maxBytes }];
  }
  const read = readPack(pack);
  // A body of ours that cannot be read is a fault of ours; it is told here and not by a consumer days later.
  if (!read.ok) throw new RangeError(`a pack that is to be split cannot be read: ${read.reason} at ${read.offset}`);
  const [left, right] = halved(read.events).map((events) => packOf(events, pack));
  if (left === undefined || right === undefined) throw new RangeError("a pack of several events has two halves");
  const before = fitRecords(left, options);
  return [...before, ...fitRecords(right, { firstNumber: firstNumber + before.length, maxBytes })];
}

/** By bytes: what makes a pack too large is nearly always one event at its end. */
function halved(events: readonly FirehoseEvent[]): (readonly FirehoseEvent[])[] {
  const sizes = events.map(sizeOf);
  const half = sizes.reduce((sum, size) => sum + size, 0) / 2;
  let taken = 0;
  let at = 0;
  while (at < events.length - 1 && taken + (sizes[at] ?? 0) <= half) {
    taken += sizes[at] ?? 0;
    at++;
  }
  const cut = Math.max(1, at);
  return [events.slice(0, cut), events.slice(cut)];
}

function sizeOf(event: FirehoseEvent): number {
  const builder = new PackBuilder();
  builder.append(event);
  return builder.byteLength;
}

function packOf(events: readonly FirehoseEvent[], { header }: Pack): Pack {
  const builder = new PackBuilder();
  for (const event of events) builder.append(event);
  const { lane, lanes, relay, epoch, fence, number } = header;
  return builder.seal({ lane, lanes, relay, epoch, fence, number });
}

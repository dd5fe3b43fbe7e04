/** The bundled recording as events and packs, split in any way. */
import { decodeMessage } from "../../lib/core/decode-event.ts";
import type { FirehoseEvent } from "../../lib/core/event.ts";
import { laneOf } from "../../lib/core/lane.ts";
import type { Pack } from "../../lib/core/pack.ts";
import { PackBuilder } from "../../lib/core/pack-builder.ts";
import { recordedAtMs, recordedFrames } from "./recorded-frames.ts";

export const LANES = 8;
export const RELAY = "relay.test";

export function recordedEvents(): FirehoseEvent[] {
  return recordedFrames.map((frame) => {
    const message = decodeMessage(frame, recordedAtMs);
    if (message.kind !== "event") {
      throw new Error(`the recording holds a frame of kind ${message.kind}`);
    }
    return message.event;
  });
}

export interface SplitOptions {
  /** Events of the next pack of a lane, at the most; asked anew for every pack. */
  readonly size: () => number;
  readonly fence?: number;
}

/** In the order in which an ingester would write them: by their last event. */
export function packsOf(events: readonly FirehoseEvent[], { size, fence = 1 }: SplitOptions): Pack[] {
  const packs: Pack[] = [];
  const lanes = Array.from({ length: LANES }, () => ({ builder: new PackBuilder(), number: 0, room: size() }));
  const seal = (lane: number): void => {
    const state = lanes[lane];
    if (state === undefined || state.builder.count === 0) {
      return;
    }
    state.number += 1;
    packs.push(state.builder.seal({ lane, lanes: LANES, relay: RELAY, epoch: 1, fence, number: state.number }));
    state.room = size();
  };
  for (const event of events) {
    const lane = laneOf(event.did, LANES);
    lanes[lane]?.builder.append(event);
    if ((lanes[lane]?.builder.count ?? 0) >= (lanes[lane]?.room ?? 0)) {
      seal(lane);
    }
  }
  for (const lane of lanes.keys()) {
    seal(lane);
  }
  return packs;
}

/** Packs in batches of a few, as a consumer reads them. */
export function inBatches(packs: readonly Pack[], size: number): Pack[][] {
  return Array.from({ length: Math.ceil(packs.length / size) }, (_, index) =>
    packs.slice(index * size, (index + 1) * size),
  );
}

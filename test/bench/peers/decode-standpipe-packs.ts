/** Ours, and the events packed and compressed as an ingester does: 500 a pack, each account in one of eight lanes. */
import { boundHeap } from "../../../bin/unified/bound-heap.ts";
import { decodeMessage } from "../../../lib/core/decode-event.ts";
import { laneOf } from "../../../lib/core/lane.ts";
import { encodePack } from "../../../lib/core/pack.ts";
import { PackBuilder } from "../../../lib/core/pack-builder.ts";
import type { Decode } from "./decode-harness.ts";
import { recordsIn } from "./decode-standpipe.ts";

const EVENTS_A_PACK = 500;
const LANES = 8;

export function decoder(): Decode {
  // As `standpipe start` does.
  boundHeap();
  const now = Date.now();
  const lanes = Array.from({ length: LANES }, () => ({ builder: new PackBuilder(), number: 0 }));
  return (frame) => {
    const message = decodeMessage(frame, now);
    if (message.kind !== "event" || message.event.kind === "rejected") return -1;
    const { event } = message;
    const laneNumber = laneOf(event.did, LANES);
    const lane = lanes[laneNumber] as (typeof lanes)[number];
    lane.builder.append(event);
    if (lane.builder.count === EVENTS_A_PACK) {
      lane.number += 1;
      const identity = {
        lane: laneNumber,
        lanes: LANES,
        relay: "relay.example",
        epoch: 1,
        fence: 1,
        number: lane.number,
      };
      encodePack(lane.builder.seal(identity));
    }
    return event.kind === "commit" ? recordsIn(event.ops) : 0;
  };
}

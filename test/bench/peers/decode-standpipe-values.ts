/** Ours, and each record decoded to values, which the consumer does with what it stores. */
import { boundHeap } from "../../../bin/unified/bound-heap.ts";
import { decodeCbor } from "../../../lib/core/dag-cbor.ts";
import { decodeMessage } from "../../../lib/core/decode-event.ts";
import type { Decode } from "./decode-harness.ts";

export function decoder(): Decode {
  // As `standpipe start` does.
  boundHeap();
  const now = Date.now();
  return (frame) => {
    const message = decodeMessage(frame, now);
    if (message.kind !== "event" || message.event.kind === "rejected") return -1;
    if (message.event.kind !== "commit") return 0;
    let records = 0;
    for (const { record } of message.event.ops) if (record !== null && decodeCbor(record).ok) records += 1;
    return records;
  };
}

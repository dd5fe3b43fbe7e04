/** Ours: everything that `decodeMessage` checks; records stay bytes, as they do on their way to the consumer. */
import { boundHeap } from "../../../bin/unified/bound-heap.ts";
import { decodeMessage } from "../../../lib/core/decode-event.ts";
import type { Decode } from "./decode-harness.ts";

export function decoder(): Decode {
  // As `standpipe start` does.
  boundHeap();
  const now = Date.now();
  return (frame) => {
    const message = decodeMessage(frame, now);
    if (message.kind !== "event" || message.event.kind === "rejected") return -1;
    return message.event.kind === "commit" ? recordsIn(message.event.ops) : 0;
  };
}

/** How many ops carry a record. */
export function recordsIn(ops: readonly { readonly record: Uint8Array | null }[]): number {
  let count = 0;
  for (const { record } of ops) if (record !== null) count += 1;
  return count;
}

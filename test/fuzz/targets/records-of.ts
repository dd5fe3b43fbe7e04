/** The records in frames. */
import { decodeMessage } from "../../../lib/core/decode-event.ts";

export function recordsOf(frames: readonly Uint8Array[]): Uint8Array[] {
  return frames.flatMap((frame) => {
    const message = decodeMessage(frame, Number.MAX_SAFE_INTEGER);
    const ops = message.kind === "event" && message.event.kind === "commit" ? message.event.ops : [];
    return ops.flatMap(({ record }) => (record === null ? [] : [record]));
  });
}

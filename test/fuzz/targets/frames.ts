/** Frames of a relay, and their parts where a frame's own checks would keep a spoiled one away: CAR slices, records. */
import { blockAt, findIntactBlock, NO_BLOCK, readCar } from "../../../lib/core/car.ts";
import { CID_PREFIX, digestOf } from "../../../lib/core/cid.ts";
import { decodeMessage } from "../../../lib/core/decode-event.ts";
import type { Message } from "../../../lib/core/event.ts";
import { frameParts, recordedAtMs, recordedFrames } from "../../support/recorded-frames.ts";
import { type FuzzTarget, promise } from "../fuzz.ts";
import { checkEvent, checkRecord } from "./check-event.ts";
import { recordsOf } from "./records-of.ts";

export function framesTarget(
  frames: readonly Uint8Array[] = recordedFrames,
  receivedAtMs: number = recordedAtMs,
): FuzzTarget {
  return {
    name: "frame",
    inputs: () => frames,
    read(frame) {
      const message = decodeMessage(frame, receivedAtMs);
      if (message.kind === "event") checkEvent(message.event, message.event.kind === "rejected" ? null : frame);
      if (message.kind === "malformed") {
        promise(message.offset >= 0 && message.offset <= frame.length, "malformed tells a place within the frame");
      }
      return outcomeOf(message);
    },
  };
}

function outcomeOf(message: Message): string {
  if (message.kind !== "event") return message.kind;
  const { event } = message;
  if (event.kind === "rejected") return `rejected ${event.reason}`;
  const fault = event.kind === "commit" ? event.ops.find((op) => op.fault !== null)?.fault : null;
  return fault ? `commit with ${fault.reason}` : event.kind;
}

export const carTarget: FuzzTarget = {
  name: "car",
  inputs: () => recordedFrames.slice(0, 2_000).flatMap(carsOf),
  read(car) {
    const result = readCar(car);
    if (!result.ok) {
      promise(result.offset >= 0 && result.offset <= car.length, "a fault tells a place within the CAR");
      return result.reason;
    }
    const { value: blocks } = result;
    for (const digest of digestsOf(car)) {
      const index = findIntactBlock(blocks, digest);
      if (index <= NO_BLOCK) continue;
      promise(Buffer.compare(digestOf(blockAt(blocks, index)), digest) === 0, "an intact block hashes to its CID");
    }
    return blocks.count === 0 ? "no blocks" : "blocks";
  },
};

function carsOf(frame: Uint8Array): Uint8Array[] {
  const car = frameParts(frame).body.get("blocks");
  return car instanceof Uint8Array ? [car] : [];
}

/** Whatever stands behind the head of a CID of records: digests that something may ask for. */
function digestsOf(bytes: Uint8Array): Uint8Array[] {
  const digests: Uint8Array[] = [];
  const buffer = Buffer.from(bytes);
  for (let at = buffer.indexOf(CID_PREFIX); at >= 0; at = buffer.indexOf(CID_PREFIX, at + 1)) {
    const digest = bytes.subarray(at + CID_PREFIX.length, at + CID_PREFIX.length + 32);
    if (digest.length === 32) digests.push(digest);
  }
  return digests;
}

export const recordsTarget: FuzzTarget = {
  name: "record",
  inputs: () => recordsOf(recordedFrames),
  read: (record) => (checkRecord(record) ? "decodes" : "does not decode"),
};

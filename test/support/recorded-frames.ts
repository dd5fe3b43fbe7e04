/** Frames of the bundled recording, and ways to spoil them: faulty frames are real ones with one thing changed, never made up. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CidLink, digestOf } from "../../lib/core/cid.ts";
import { type CborMap, type CborValue, decodeCbor } from "../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../lib/core/dag-cbor-encode.ts";
import { decodeMessage } from "../../lib/core/decode-event.ts";
import type { CommitEvent, FirehoseEvent } from "../../lib/core/event.ts";
import { decodeHeader } from "../../lib/core/frame.ts";
import { openRecording } from "../../lib/core/recording.ts";
import { projectRoot } from "./project-root.ts";

const recording = openRecording(readFileSync(join(projectRoot, "test/fixtures/network.spr")));

/** A time of receipt at which no recorded rev lies in the future. */
export const recordedAtMs = Date.parse(recording.meta.recordedAt) + 60_000;

export const recordedFrames: readonly Uint8Array[] = [...recording.frames()];

/** The first recorded frame whose event passes. */
export function frameWhere(test: (event: FirehoseEvent) => boolean): Uint8Array {
  for (const frame of recordedFrames) {
    const message = decodeMessage(frame, recordedAtMs);
    if (message.kind === "event" && test(message.event)) {
      return frame;
    }
  }
  throw new Error("the recording holds no such frame");
}

export const isCreate = (event: FirehoseEvent): event is CommitEvent =>
  event.kind === "commit" && event.ops.length === 1 && event.ops[0]?.action === "create";

export interface FrameParts {
  readonly header: CborMap;
  readonly body: CborMap;
}

export function asMap(value: CborValue | undefined): CborMap {
  if (!(value instanceof Map)) {
    throw new Error("not a map");
  }
  return value;
}

function decoded(bytes: Uint8Array): CborValue {
  const result = decodeCbor(bytes);
  if (!result.ok) {
    throw new Error(`${result.reason} at byte ${result.offset}`);
  }
  return result.value;
}

export function frameParts(frame: Uint8Array): FrameParts {
  const header = decodeHeader(frame);
  if (header.kind !== "header") {
    throw new Error(header.reason);
  }
  return {
    header: asMap(decoded(frame.subarray(0, header.bodyAt))),
    body: asMap(decoded(frame.subarray(header.bodyAt))),
  };
}

export function joinFrame({ header, body }: FrameParts): Uint8Array {
  return concat([encodeCbor(header), encodeCbor(body)]);
}

/** The frame with its parts changed in place. */
export function changedFrame(frame: Uint8Array, change: (parts: FrameParts) => void): Uint8Array {
  const parts = frameParts(frame);
  change(parts);
  return joinFrame(parts);
}

/** The frame with some fields of its body set, or left out where the value is undefined. */
export function frameWith(frame: Uint8Array, fields: Readonly<Record<string, CborValue | undefined>>): Uint8Array {
  return changedFrame(frame, ({ body }) => {
    for (const [key, value] of Object.entries(fields)) {
      if (value === undefined) {
        body.delete(key);
      } else {
        body.set(key, value);
      }
    }
  });
}

/** The frame with its ops (maps) changed in place. */
export function frameWithOps(frame: Uint8Array, change: (ops: CborMap[]) => CborMap[]): Uint8Array {
  return changedFrame(frame, ({ body }) => {
    const ops = body.get("ops");
    if (!Array.isArray(ops)) {
      throw new Error("no ops");
    }
    body.set("ops", change(ops.map(asMap)));
  });
}

export interface Block {
  readonly cid: Uint8Array;
  readonly data: Uint8Array;
}

export interface CarParts {
  readonly header: CborValue;
  readonly blocks: readonly Block[];
}

/** The CAR slice taken apart, changed and put together again. */
export function frameWithCar(frame: Uint8Array, change: (car: CarParts) => CarParts): Uint8Array {
  return changedFrame(frame, ({ body }) => {
    const car = body.get("blocks");
    if (!(car instanceof Uint8Array)) {
      throw new Error("no blocks");
    }
    body.set("blocks", joinCar(change(splitCar(car))));
  });
}

export function splitCar(car: Uint8Array): CarParts {
  const sections: Uint8Array[] = [];
  for (let at = 0; at < car.length; ) {
    let size = 0;
    for (let shift = 0, byte = 0x80; byte >= 0x80; shift += 7, at += 1) {
      byte = car[at] ?? 0;
      size |= (byte & 0x7f) << shift;
    }
    sections.push(car.subarray(at, at + size));
    at += size;
  }
  const [header = new Uint8Array(), ...blocks] = sections;
  return {
    header: decoded(header),
    blocks: blocks.map((block) => ({ cid: block.subarray(0, 36), data: block.subarray(36) })),
  };
}

export function joinCar({ header, blocks }: CarParts): Uint8Array {
  const sections = [encodeCbor(header), ...blocks.map(({ cid, data }) => Buffer.concat([cid, data]))];
  return concat(sections.flatMap((section) => [varint(section.length), section]));
}

/** As a plain array: a Buffer is another type to a comparison. */
function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Uint8Array.from([...bytes, rest]);
}

/** The CID of a block, as bytes and as link. */
export function cidOf(data: Uint8Array): CidLink {
  return new CidLink(concat([Uint8Array.of(1, 0x71, 0x12, 0x20), digestOf(data)]));
}

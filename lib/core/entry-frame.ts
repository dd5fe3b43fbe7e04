/** A frame → the texts in its body that established entries carry and an event does not keep. */

import { toBase32 } from "./base32.ts";
import { CborReader, knownKeys, Major } from "./cbor-reader.ts";
import { asDecoded } from "./dag-cbor.ts";
import { COMMIT_BODY } from "./decode-commit.ts";
import { type MapShape, readFields, readHeader } from "./frame.ts";

/** Of a body; undefined where it has no such field, or one of another type. CIDs as text. */
export interface FrameTexts {
  time: string | undefined;
  commit: string | undefined;
  prevData: string | undefined;
  /** Byte string of #sync. */
  blocks: Uint8Array | undefined;
  /** By path, of the ops that have one. */
  readonly ops: Map<string, OpTexts>;
}

export interface OpTexts {
  cid: string | undefined;
  prev: string | undefined;
}

/** Null where the frame has no such body: then it has been rejected. */
export function readFrameTexts(frame: Uint8Array): FrameTexts | null {
  const texts: FrameTexts = {
    time: undefined,
    commit: undefined,
    prevData: undefined,
    blocks: undefined,
    ops: new Map(),
  };
  const decoded = asDecoded(() => {
    const reader = new CborReader(frame);
    readHeader(reader);
    return readFields(reader, COMMIT_BODY, texts, readField) && reader.at === reader.end;
  });
  return decoded.ok && decoded.value ? texts : null;
}

function readField(reader: CborReader, key: string, texts: FrameTexts): void {
  switch (key) {
    case "time":
      texts.time = reader.tryText();
      break;
    case "commit":
      texts.commit = readLink(reader);
      break;
    case "prevData":
      texts.prevData = readLink(reader);
      break;
    case "blocks":
      texts.blocks = readBytes(reader);
      break;
    case "ops":
      readOps(reader, texts.ops);
      break;
    default: // skipped
  }
}

interface Op extends OpTexts {
  path: string | undefined;
}

const OP: MapShape = { depth: 2, keys: knownKeys(["cid", "path", "prev", "action"]) };

function readOps(reader: CborReader, ops: Map<string, OpTexts>): void {
  for (let left = reader.tryArray() ?? 0; left > 0; left -= 1) {
    const op: Op = { path: undefined, cid: undefined, prev: undefined };
    if (!readFields(reader, OP, op, readOpField)) reader.skip(OP.depth);
    if (op.path !== undefined) ops.set(op.path, op);
  }
}

function readOpField(reader: CborReader, key: string, op: Op): void {
  switch (key) {
    case "path":
      op.path = reader.tryText();
      break;
    case "cid":
      op.cid = readLink(reader);
      break;
    case "prev":
      op.prev = readLink(reader);
      break;
    default: // skipped
  }
}

function readLink(reader: CborReader): string | undefined {
  const from = reader.tryLink();
  return from === undefined ? undefined : `b${toBase32(reader.bytes.subarray(from, reader.at))}`;
}

function readBytes(reader: CborReader): Uint8Array | undefined {
  if (reader.peekMajor() !== Major.bytes) return undefined;
  reader.head();
  return reader.bytes.subarray(reader.take(), reader.at);
}

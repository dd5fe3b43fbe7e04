/** Frame → `Message`: one pass over the bytes, every field checked where it stands. The hot path of the ingester. */

import { CborReader, knownKeys } from "./cbor-reader.ts";
import { readAccount, readIdentity } from "./decode-account.ts";
import { readCommit, readSync } from "./decode-commit.ts";
import { MalformedBytesError } from "./errors.ts";
import type { Message } from "./event.ts";
import { type MapShape, readFields, readHeader } from "./frame.ts";
import { MAX_FRAME_BYTES } from "./limits.ts";
import { shown } from "./message-fields.ts";
import { ascii, hasBytes } from "./utf8.ts";

/**
 * Decodes one binary websocket message.
 *
 * `receivedAtMs` is when our process received it, Unix milliseconds. Records and digests in the result are views into `frame`, which must not
 * change afterwards. Never throws for bytes: what is no DAG-CBOR, or has no valid `seq`, is `malformed`; what is well-formed but breaks the
 * rules of its kind is a `rejected` event; a fault of one op is noted at that op.
 */
export function decodeMessage(frame: Uint8Array, receivedAtMs: number): Message {
  if (frame.length > MAX_FRAME_BYTES) {
    return { kind: "malformed", reason: `frame of ${frame.length} bytes`, offset: MAX_FRAME_BYTES };
  }
  try {
    return readMessage(new CborReader(frame), receivedAtMs);
  } catch (error) {
    if (error instanceof MalformedBytesError) {
      return { kind: "malformed", reason: error.message, offset: error.offset };
    }
    throw error;
  }
}

/** `{op: 1, t: "#commit"}`: the header of nearly all frames. */
const COMMIT_HEADER = [0xa2, 0x61, ...ascii("t"), 0x67, ...ascii("#commit"), 0x62, ...ascii("op"), 1];

function readMessage(reader: CborReader, receivedAtMs: number): Message {
  if (hasBytes(reader.bytes, 0, COMMIT_HEADER)) {
    reader.at = COMMIT_HEADER.length;
    return readCommit(reader, receivedAtMs);
  }
  const { op, t } = readHeader(reader);
  if (op === -1) {
    return readError(reader);
  }
  if (op !== 1) {
    return { kind: "unknown", op, t: t === null ? null : shown(t) };
  }
  switch (t) {
    case "#commit":
      return readCommit(reader, receivedAtMs);
    case "#sync":
      return readSync(reader, receivedAtMs);
    case "#identity":
      return readIdentity(reader, receivedAtMs);
    case "#account":
      return readAccount(reader, receivedAtMs);
    case "#info":
      return readInfo(reader);
    default:
      return readUnknown(reader, t);
  }
}

/** Kinds that a later version of the protocol brings: ignored, but as CBOR they must hold. */
function readUnknown(reader: CborReader, t: string | null): Message {
  reader.skip(0);
  checkEnd(reader);
  return { kind: "unknown", op: 1, t: t === null ? null : shown(t) };
}

function checkEnd(reader: CborReader): void {
  if (reader.at !== reader.end) {
    reader.fail("bytes after the end of the body");
  }
}

/** The texts of #info and error frames. */
interface Notice {
  name: string | undefined;
  message: string | null;
}

const NOTICE: MapShape = { depth: 0, keys: knownKeys(["name", "error", "message"]) };

function readInfo(reader: CborReader): Message {
  const { name, message } = readNotice(reader, "name");
  // Without a name it says nothing that could be acted on.
  return name === undefined ? { kind: "unknown", op: 1, t: "#info" } : { kind: "info", name, message };
}

function readError(reader: CborReader): Message {
  const { name, message } = readNotice(reader, "error");
  return { kind: "error", error: name ?? reader.fail("error frame without error"), message };
}

function readNotice(reader: CborReader, nameKey: "name" | "error"): Notice {
  const notice: Notice = { name: undefined, message: null };
  const isMap = readFields(reader, NOTICE, notice, (from, key, to) => {
    const text = key === nameKey || key === "message" ? from.tryText() : undefined;
    if (text !== undefined) {
      to[key === "message" ? "message" : "name"] = shown(text);
    }
  });
  if (!isMap) {
    reader.fail("body is not a map");
  }
  checkEnd(reader);
  return notice;
}

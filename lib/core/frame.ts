/** Frame → header and where the body starts: `{op, t}` and then the body, two DAG-CBOR items one after another (event stream specification). */

import { CborReader, type KnownKey, knownKeys } from "./cbor-reader.ts";
import { asDecoded } from "./dag-cbor.ts";

export interface FrameHeader {
  /** 1 for a message, −1 for an error; others are to be ignored. */
  readonly op: number;
  /** Kind of message in its short form (`#commit`); null where there is none, as with errors. */
  readonly t: string | null;
  /** Offset of the body's first byte. */
  readonly bodyAt: number;
}

export type DecodedHeader =
  | ({ readonly kind: "header" } & FrameHeader)
  | { readonly kind: "malformed"; readonly reason: string; readonly offset: number };

/** Reads the header only; the body is not looked at. */
export function decodeHeader(frame: Uint8Array): DecodedHeader {
  const decoded = asDecoded(() => readHeader(new CborReader(frame)));
  return decoded.ok
    ? { kind: "header", ...decoded.value }
    : { kind: "malformed", reason: decoded.reason, offset: decoded.offset };
}

const HEADER_KEYS = knownKeys(["t", "op"]);

/** The same for callers inside this folder: throws `MalformedBytesError`, and leaves the reader at the body. */
export function readHeader(reader: CborReader): FrameHeader {
  const header: HeaderFields = { op: undefined, t: null };
  if (!readFields(reader, { depth: 0, keys: HEADER_KEYS }, header, readHeaderField)) {
    reader.fail("header is not a map");
  }
  const { op, t } = header;
  if (op === undefined || (op === 1 && t === null)) {
    return reader.fail(op === undefined ? "header without op" : "header of a message without t", 0);
  }
  return { op, t, bodyAt: reader.at };
}

interface HeaderFields {
  op: number | undefined;
  t: string | null;
}

function readHeaderField(reader: CborReader, key: string, header: HeaderFields): void {
  if (key === "op") {
    header.op = reader.tryInteger() ?? reader.fail("op is not an integer");
  } else if (key === "t") {
    header.t = reader.tryInterned() ?? reader.fail("t is not a text");
  }
}

/** A map that `readFields` reads. */
export interface MapShape {
  /** How many containers are open around it. */
  readonly depth: number;
  /** The keys that it mostly has; any others are read as well. */
  readonly keys: readonly KnownKey[];
}

/**
 * Reads a map field by field: `readField` consumes the value of a field that it knows; a value that it leaves where it is, is checked and
 * skipped. Returns false, and consumes nothing, where no map stands.
 */
export function readFields<Target>(
  reader: CborReader,
  { depth, keys }: MapShape,
  target: Target,
  readField: (reader: CborReader, key: string, target: Target) => void,
): boolean {
  const count = reader.tryMap();
  if (count === undefined) {
    return false;
  }
  const inside = reader.enter(depth);
  let previousAt = -1;
  let next = 0;
  for (let left = count; left > 0; left -= 1) {
    const keyAt = reader.at;
    // The map's keys are sorted as the known ones are: what has been passed by cannot come any more.
    const index = reader.tryKnownKey(keys, next, previousAt);
    const key = keys[index]?.text ?? reader.key(previousAt);
    next = index < 0 ? next : index + 1;
    previousAt = keyAt;
    const valueAt = reader.at;
    readField(reader, key, target);
    if (reader.at === valueAt) {
      reader.skip(inside);
    }
  }
  return true;
}

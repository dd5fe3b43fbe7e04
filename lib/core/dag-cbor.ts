/** Strict DAG-CBOR: bytes → `CborValue`. What is malformed comes back as a value that says what and where. */

import { CborReader, Major } from "./cbor-reader.ts";
import { CidLink } from "./cid.ts";
import { MalformedBytesError } from "./errors.ts";
import { MAX_CBOR_DEPTH } from "./limits.ts";

/** A float. The data model has none, so that a record with one is kept by its bytes; DAG-CBOR has, and tells 1.0 from 1. */
export class CborFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** Maps are `Map`s: no key is special (`__proto__`, `constructor`), order is kept, and building one is fast. */
export type CborMap = Map<string, CborValue>;

/**
 * What DAG-CBOR can say. Numbers are safe integers, bigints are the integers beyond them (up to 64 bits), byte strings are views into the
 * decoded bytes.
 */
export type CborValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | CidLink
  | CborFloat
  | CborValue[]
  | CborMap;

export type Decoded<Value> =
  | { readonly ok: true; readonly value: Value }
  /** `reason` is one lower-case line, `offset` counts from the start of the bytes given. */
  | { readonly ok: false; readonly reason: string; readonly offset: number };

/** One whole item, nothing after it. Limits: `MAX_CBOR_DEPTH`, `MAX_CONTAINER_ITEMS`, `MAX_RECORD_VALUES`, `MAX_MAP_KEY_BYTES`, `MAX_CID_BYTES`. */
export function decodeCbor(
  bytes: Uint8Array,
  { maxDepth = MAX_CBOR_DEPTH }: { readonly maxDepth?: number } = {},
): Decoded<CborValue> {
  return asDecoded(() => {
    const reader = new CborReader(bytes);
    reader.maxDepth = maxDepth;
    const value = readValue(reader, 0);
    if (reader.at !== bytes.length) {
      reader.fail("bytes after the end");
    }
    return value;
  });
}

/** Runs a decoder that throws `MalformedBytesError` and turns that into a value; any other error is a fault and goes on. */
export function asDecoded<Value>(decode: () => Value): Decoded<Value> {
  try {
    return { ok: true, value: decode() };
  } catch (error) {
    if (error instanceof MalformedBytesError) {
      return { ok: false, reason: error.message, offset: error.offset };
    }
    throw error;
  }
}

function readValue(reader: CborReader, depth: number): CborValue {
  reader.countValue();
  const major = reader.peekMajor();
  if (major === Major.tag) {
    const from = reader.link();
    return new CidLink(reader.bytes.subarray(from, reader.at));
  }
  if (major === Major.simple) {
    const value = reader.simple();
    return typeof value === "number" ? new CborFloat(value) : value;
  }
  switch (reader.head()) {
    case Major.bytes:
      return reader.bytes.subarray(reader.take(), reader.at);
    case Major.text:
      return reader.text();
    case Major.array:
      return readArray(reader, reader.enter(depth));
    case Major.map:
      return readMap(reader, reader.enter(depth));
    default:
      return reader.integer(major);
  }
}

function readArray(reader: CborReader, depth: number): CborValue[] {
  const items: CborValue[] = [];
  for (let left = reader.count(1); left > 0; left -= 1) {
    items.push(readValue(reader, depth));
  }
  return items;
}

function readMap(reader: CborReader, depth: number): CborMap {
  const map: CborMap = new Map();
  let previousAt = -1;
  for (let left = reader.count(2); left > 0; left -= 1) {
    const keyAt = reader.at;
    const key = reader.key(previousAt);
    previousAt = keyAt;
    map.set(key, readValue(reader, depth));
  }
  return map;
}

/** A record as plain JSON, without its bytes, and the CID that it has to have → its DAG-CBOR, where some reading of the JSON hashes to it. */

import { CidLink, digestOf, sameDigest } from "./cid.ts";
import { CborFloat, type CborMap, type CborValue } from "./dag-cbor.ts";
import { encodeCbor } from "./dag-cbor-encode.ts";
import { NotEncodableError } from "./errors.ts";
import type { Digest } from "./event.ts";

/**
 * Plain JSON has lost what a link was and what a byte string, and some writers have renamed keys (`created_at`, `py_type`) and written what
 * was absent as null. Each known way to write it is tried; the hash says which was right. Undefined where none is.
 */
export function guessRecord(json: unknown, digest: Digest): Uint8Array | undefined {
  for (const reading of READINGS) {
    const bytes = encoded(json, reading);
    if (bytes !== undefined && sameDigest(digestOf(bytes), 0, digest, 0)) return bytes;
  }
  return undefined;
}

interface Reading {
  readonly renamesKeys: boolean;
  readonly dropsNulls: boolean;
}

const READINGS: readonly Reading[] = [
  { renamesKeys: false, dropsNulls: false },
  { renamesKeys: false, dropsNulls: true },
  { renamesKeys: true, dropsNulls: true },
];

function encoded(json: unknown, reading: Reading): Uint8Array | undefined {
  try {
    return encodeCbor(valueOf(json, { ...reading, depth: 0 }));
  } catch (error) {
    if (error instanceof NotEncodableError) return undefined;
    throw error;
  }
}

/** More than any record has, and less than the stack. */
const MAX_DEPTH = 256;

interface Place extends Reading {
  readonly depth: number;
}

function valueOf(json: unknown, place: Place): CborValue {
  if (typeof json === "number") return Number.isSafeInteger(json) ? json : new CborFloat(json);
  if (typeof json === "string" || typeof json === "boolean" || json === null) return json;
  if (typeof json !== "object") throw new NotEncodableError(`not JSON: ${typeof json}`);
  const inside = { ...place, depth: place.depth + 1 };
  if (inside.depth > MAX_DEPTH) throw new NotEncodableError(`nested deeper than ${MAX_DEPTH}`);
  if (Array.isArray(json)) return json.map((item) => valueOf(item, inside));
  return specialOf(json) ?? mapOf(json, inside);
}

function mapOf(json: object, place: Place): CborMap {
  const entries: [string, unknown][] = Object.entries(json);
  const map: CborMap = new Map();
  for (const [name, value] of entries) {
    if (value === null && place.dropsNulls) continue;
    const key = place.renamesKeys ? originalKey(name) : name;
    map.set(key, valueOf(value, place));
  }
  const type = map.get("$type");
  const ref = map.get("ref");
  // A blob's `ref` is the only link that the public lexicons have.
  if (type === "blob" && typeof ref === "string") map.set("ref", linkOf(ref) ?? ref);
  return map;
}

/** `created_at` → `createdAt`, `py_type` → `$type`. */
function originalKey(name: string): string {
  return name === "py_type" ? "$type" : name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** `{"$link": …}` and `{"$bytes": …}`, and the first without its sign. */
function specialOf(json: object): CborValue | undefined {
  const [only, more] = Object.entries(json) as [string, unknown][];
  if (only === undefined || more !== undefined || typeof only[1] !== "string") return undefined;
  const [key, text] = only;
  if (key === "$link" || key === "link") return linkOf(text);
  return key === "$bytes" ? new Uint8Array(Buffer.from(text, "base64")) : undefined;
}

/** Of the text of a CID, or of its bytes in hex, with or without the zero byte that stands before it in DAG-CBOR. */
function linkOf(text: string): CidLink | undefined {
  const hex = /^(?:00)?(0155[0-9a-f]{2,196}|0171[0-9a-f]{2,196})$/.exec(text)?.[1];
  return hex === undefined ? CidLink.parse(text) : new CidLink(new Uint8Array(Buffer.from(hex, "hex")));
}

/** `CborValue` → the plain JSON of established Redis entries: links as the text of their CID, byte strings as hex. Loses which was which. */

import { CidLink } from "./cid.ts";
import { CborFloat, type CborMap, type CborValue } from "./dag-cbor.ts";

/** Compact JSON. Integers beyond 2^53 are written with all their digits. */
export function plainJson(value: CborValue): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
    case "boolean":
    case "bigint":
      return String(value);
    default:
      return plainObject(value);
  }
}

function plainObject(value: null | Uint8Array | CidLink | CborFloat | CborValue[] | CborMap): string {
  if (value === null) return "null";
  if (value instanceof Map) {
    return `{${Array.from(value, ([key, item]) => `${JSON.stringify(key)}:${plainJson(item)}`).join(",")}}`;
  }
  if (Array.isArray(value)) return `[${value.map(plainJson).join(",")}]`;
  if (value instanceof CidLink) return `"${value.text}"`;
  if (value instanceof CborFloat) return String(value.value);
  return `"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")}"`;
}

/** A record's DAG-CBOR → the plain JSON of established Redis entries: links as the text of their CID, byte strings as hex. Loses which was which. */

import { CborReader, Major } from "./cbor-reader.ts";
import { CidLink } from "./cid.ts";
import { asDecoded } from "./dag-cbor.ts";
import { hex } from "./utf8.ts";

/**
 * Compact JSON of a map, in the order of its keys; null for any other bytes. Integers beyond 2^53 are written with all their digits. Text to text: no
 * value is made on the way.
 */
export function plainJson(record: Uint8Array, { maxDepth }: { readonly maxDepth: number }): string | null {
  const decoded = asDecoded(() => {
    const reader = new CborReader(record);
    reader.maxDepth = maxDepth;
    if (reader.peekMajor() !== Major.map) return null;
    const json = valueJson(reader, 0);
    return reader.at === reader.end ? json : reader.fail("bytes after the end");
  });
  return decoded.ok ? decoded.value : null;
}

function valueJson(reader: CborReader, depth: number): string {
  reader.countValue();
  const major = reader.peekMajor();
  if (major === Major.tag) {
    const from = reader.link();
    return `"${new CidLink(reader.bytes.subarray(from, reader.at)).text}"`;
  }
  if (major === Major.simple) return String(reader.simple());
  switch (reader.head()) {
    case Major.bytes:
      return `"${hex(reader.bytes, reader.take(), reader.at)}"`;
    case Major.text:
      return JSON.stringify(reader.text());
    case Major.array:
      return arrayJson(reader, reader.enter(depth));
    case Major.map:
      return mapJson(reader, reader.enter(depth));
    default:
      return String(reader.integer(major));
  }
}

function arrayJson(reader: CborReader, depth: number): string {
  let json = "[";
  for (let left = reader.count(1); left > 0; left -= 1)
    json += left > 1 ? `${valueJson(reader, depth)},` : valueJson(reader, depth);
  return `${json}]`;
}

function mapJson(reader: CborReader, depth: number): string {
  let json = "{";
  let previousAt = -1;
  for (let left = reader.count(2); left > 0; left -= 1) {
    const keyAt = reader.at;
    json += `${keyJson(reader.key(previousAt))}:`;
    previousAt = keyAt;
    json += left > 1 ? `${valueJson(reader, depth)},` : valueJson(reader, depth);
  }
  return `${json}}`;
}

/** Keys of lexicons need no escape. */
const PLAIN_KEY = /^[$\w.]+$/;

function keyJson(key: string): string {
  return PLAIN_KEY.test(key) ? `"${key}"` : JSON.stringify(key);
}

/**
 * `CborValue` ⇄ the JSON that Postgres' jsonb holds: links as `{"$link": "bafy…"}`, byte strings as `{"$bytes": "base64 without padding"}`.
 * jsonb reorders keys and drops white space, neither of which DAG-CBOR needs: key order comes back from canonical encoding.
 */

import { CidLink } from "./cid.ts";
import { CborFloat, type CborMap, type CborValue } from "./dag-cbor.ts";
import { NotEncodableError } from "./errors.ts";

export interface DagJson {
  /** Text that jsonb takes. */
  readonly json: string;
  /** Whether `encodeCbor(fromDagJson(JSON.parse(json)))`, also after jsonb held it, gives the very bytes back. */
  readonly exact: boolean;
}

/** Inexact are: U+0000 (jsonb refuses it: U+FFFD in its place), floats, integers beyond ±(2^53−1), and maps with a key `$link` or `$bytes`. */
export function toDagJson(value: CborValue): DagJson {
  const writer = new JsonWriter();
  const json = writer.value(value);
  return { json, exact: writer.exact };
}

class JsonWriter {
  exact = true;

  value(value: CborValue): string {
    switch (typeof value) {
      case "string":
        return this.#text(value);
      case "number":
      case "boolean":
        return String(value);
      case "bigint":
        this.exact = false;
        return String(value);
      default:
        return this.#object(value);
    }
  }

  #object(value: null | Uint8Array | CidLink | CborFloat | CborValue[] | CborMap): string {
    if (value === null) {
      return "null";
    }
    if (value instanceof Map) {
      return this.#map(value);
    }
    if (Array.isArray(value)) {
      return `[${value.map((item) => this.value(item)).join(",")}]`;
    }
    if (value instanceof CidLink) {
      return `{"$link":"${value.text}"}`;
    }
    if (value instanceof CborFloat) {
      this.exact = false;
      return String(value.value);
    }
    return `{"$bytes":"${toBase64(value)}"}`;
  }

  #map(map: CborMap): string {
    if (map.has("$link") || map.has("$bytes")) {
      this.exact = false;
    }
    let json = "";
    for (const [key, value] of map) {
      json += `${json === "" ? "" : ","}${this.#text(key)}:${this.value(value)}`;
    }
    return `{${json}}`;
  }

  #text(text: string): string {
    if (text.isWellFormed() && !text.includes("\0")) {
      return JSON.stringify(text);
    }
    this.exact = false;
    return JSON.stringify(text.toWellFormed().replaceAll("\0", "\uFFFD"));
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64").replace(/=+$/, "");
}

/**
 * What `JSON.parse` gave → value. An object of the one key `$link` or `$bytes` with a fitting text is that link or byte string, any other
 * stays a map; a fraction becomes a `CborFloat`. Throws `NotEncodableError` for what no JSON holds (undefined, functions).
 */
export function fromDagJson(json: unknown): CborValue {
  switch (typeof json) {
    case "string":
    case "boolean":
      return json;
    case "number":
      return fromNumber(json);
    case "object":
      return json === null ? null : fromObject(json);
    default:
      throw new NotEncodableError(`not JSON: ${typeof json}`);
  }
}

function fromNumber(number: number): CborValue {
  if (Number.isSafeInteger(number)) {
    return number === 0 ? 0 : number;
  }
  return new CborFloat(number);
}

function fromObject(json: object): CborValue {
  if (Array.isArray(json)) {
    return json.map(fromDagJson);
  }
  const entries: [string, unknown][] = Object.entries(json);
  const [only] = entries;
  const special = entries.length === 1 && only !== undefined ? fromSpecial(only[0], only[1]) : undefined;
  return special ?? new Map(entries.map(([key, value]) => [key, fromDagJson(value)]));
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3})?={0,2}$/;

function fromSpecial(key: string, value: unknown): CborValue | undefined {
  if (typeof value !== "string") {
    return undefined;
  }
  if (key === "$link") {
    return CidLink.parse(value);
  }
  return key === "$bytes" && BASE64.test(value) ? new Uint8Array(Buffer.from(value, "base64")) : undefined;
}

/** `CborValue` → canonical DAG-CBOR: the one form that decoders accept, so that equal values have equal CIDs. */

import { Major } from "./cbor-reader.ts";
import { CidLink } from "./cid.ts";
import { CborFloat, type CborMap, type CborValue } from "./dag-cbor.ts";
import { NotEncodableError } from "./errors.ts";

/** Bytes of a value. Throws `NotEncodableError` for what DAG-CBOR cannot say: fractions outside `CborFloat`, lone surrogates, integers beyond 64 bits. */
export function encodeCbor(value: CborValue): Uint8Array {
  const writer = new CborWriter();
  writer.value(value);
  return writer.finish();
}

const LINK_TAG = 42;
const MAX_UINT64 = 0xffff_ffff_ffff_ffffn;

/** Most records are smaller; what is larger moves to a larger buffer. Handed from one writer to the next while none is at work. */
let spare: Uint8Array | undefined = new Uint8Array(16 * 1024);
const MAX_SPARE_BYTES = 64 * 1024;

const utf8 = new TextEncoder();
const floatBits = new DataView(new ArrayBuffer(8));

class CborWriter {
  #buffer: Uint8Array = spare ?? new Uint8Array(1024);
  #at = 0;

  constructor() {
    spare = undefined;
  }

  finish(): Uint8Array {
    const bytes = this.#buffer.slice(0, this.#at);
    spare = this.#buffer.length <= MAX_SPARE_BYTES ? this.#buffer : undefined;
    return bytes;
  }

  value(value: CborValue): void {
    switch (typeof value) {
      case "string":
        this.#text(value);
        break;
      case "number":
        this.#integer(value);
        break;
      case "bigint":
        this.#bigint(value);
        break;
      case "boolean":
        this.#byte(value ? 0xf5 : 0xf4);
        break;
      default:
        this.#object(value);
    }
  }

  #object(value: null | Uint8Array | CidLink | CborFloat | CborValue[] | CborMap): void {
    if (value === null) {
      this.#byte(0xf6);
    } else if (value instanceof Map) {
      this.#map(value);
    } else if (Array.isArray(value)) {
      this.#head(Major.array, value.length);
      for (const item of value) {
        this.value(item);
      }
    } else if (value instanceof CidLink) {
      this.#link(value);
    } else if (value instanceof CborFloat) {
      this.#float(value.value);
    } else if (value instanceof Uint8Array) {
      this.#head(Major.bytes, value.length);
      this.#raw(value);
    } else {
      throw new NotEncodableError(`no form in DAG-CBOR: ${typeof value}`);
    }
  }

  #map(map: CborMap): void {
    this.#head(Major.map, map.size);
    for (const key of canonicalKeys(map)) {
      this.#text(key);
      this.value(map.get(key) ?? null);
    }
  }

  #link(link: CidLink): void {
    this.#head(Major.tag, LINK_TAG);
    this.#head(Major.bytes, link.bytes.length + 1);
    this.#byte(0);
    this.#raw(link.bytes);
  }

  #integer(value: number): void {
    if (!Number.isSafeInteger(value)) {
      throw new NotEncodableError(`not a safe integer: ${value}`);
    }
    if (value < 0) {
      this.#head(Major.negative, -1 - value);
    } else {
      this.#head(Major.uint, value);
    }
  }

  #bigint(value: bigint): void {
    const isNegative = value < 0n;
    const argument = isNegative ? -1n - value : value;
    if (argument > MAX_UINT64) {
      throw new NotEncodableError(`integer of more than 64 bits: ${value}`);
    }
    const major = isNegative ? Major.negative : Major.uint;
    if (argument <= Number.MAX_SAFE_INTEGER) {
      this.#head(major, Number(argument));
      return;
    }
    this.#reserve(9);
    this.#put((major << 5) | 27, 1);
    this.#put(Number(argument >> 32n), 4);
    this.#put(Number(argument & 0xffff_ffffn), 4);
  }

  #float(value: number): void {
    if (!Number.isFinite(value)) {
      throw new NotEncodableError(`not a finite float: ${value}`);
    }
    floatBits.setFloat64(0, value);
    this.#reserve(9);
    this.#put(0xfb, 1);
    this.#put(floatBits.getUint32(0), 4);
    this.#put(floatBits.getUint32(4), 4);
  }

  #text(text: string): void {
    if (text.length < 24 && this.#shortAscii(text)) {
      return;
    }
    if (!text.isWellFormed()) {
      throw new NotEncodableError("text with a lone surrogate");
    }
    const length = Buffer.byteLength(text);
    this.#head(Major.text, length);
    this.#reserve(length);
    utf8.encodeInto(text, this.#buffer.subarray(this.#at));
    this.#at += length;
  }

  /** Keys and most values: a loop is cheaper than the encoder. Writes nothing, and returns false, where a character is not ASCII. */
  #shortAscii(text: string): boolean {
    this.#reserve(text.length + 1);
    const buffer = this.#buffer;
    const from = this.#at + 1;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        return false;
      }
      buffer[from + i] = code;
    }
    buffer[this.#at] = (Major.text << 5) | text.length;
    this.#at = from + text.length;
    return true;
  }

  #head(major: number, argument: number): void {
    this.#reserve(9);
    const type = major << 5;
    if (argument < 24) {
      this.#put(type | argument, 1);
    } else if (argument < 0x100) {
      this.#put(type | 24, 1);
      this.#put(argument, 1);
    } else if (argument < 0x1_0000) {
      this.#put(type | 25, 1);
      this.#put(argument, 2);
    } else if (argument < 0x1_0000_0000) {
      this.#put(type | 26, 1);
      this.#put(argument, 4);
    } else {
      this.#put(type | 27, 1);
      this.#put(Math.floor(argument / 0x1_0000_0000), 4);
      this.#put(argument >>> 0, 4);
    }
  }

  /** Big-endian; room was made before. */
  #put(value: number, size: number): void {
    for (let shift = (size - 1) * 8; shift >= 0; shift -= 8) {
      this.#buffer[this.#at] = value >>> shift;
      this.#at += 1;
    }
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#buffer[this.#at] = byte;
    this.#at += 1;
  }

  #raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#at + bytes));
      larger.set(this.#buffer.subarray(0, this.#at));
      this.#buffer = larger;
    }
  }
}

/** A map's keys in the order that DAG-CBOR prescribes: fewer UTF-8 bytes first, then byte by byte. Costs nothing where they stand so already. */
export function canonicalKeys(map: ReadonlyMap<string, unknown>): string[] {
  const keys = [...map.keys()];
  for (let i = 1; i < keys.length; i += 1) {
    if (compareKeys(keys[i - 1] ?? "", keys[i] ?? "") > 0) {
      return keys.sort(compareKeys);
    }
  }
  return keys;
}

const NON_ASCII = /[^\0-\x7f]/;

function compareKeys(a: string, b: string): number {
  if (!NON_ASCII.test(a) && !NON_ASCII.test(b)) {
    return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
  }
  // UTF-16 sorts surrogates before U+E000, UTF-8 after: compare what will be written.
  return Buffer.byteLength(a) - Buffer.byteLength(b) || Buffer.compare(Buffer.from(a), Buffer.from(b));
}

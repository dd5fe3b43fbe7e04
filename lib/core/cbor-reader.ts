/**
 * Reads strict DAG-CBOR (DRISL) in place, item by item: shortest heads only, no indefinite lengths, sorted unique text keys, valid UTF-8,
 * tag 42 and nothing else. Every method throws `MalformedBytesError` where the bytes break a rule; where an item is
 * merely of another type than asked for, `try…` returns undefined and has consumed nothing. Only the decoders in this folder use it.
 * One class and longer than most files, because every method moves the same cursor and shares the last head's argument.
 */

import { CID_PREFIX_BYTES, isRecordCid, readCidBytes } from "./cid.ts";
import { MalformedBytesError } from "./errors.ts";
import { MAX_CBOR_DEPTH, MAX_CONTAINER_ITEMS, MAX_MAP_KEY_BYTES, MAX_RECORD_VALUES } from "./limits.ts";
import { ascii, hasBytes, internedUtf8, isAscii, utf8 } from "./utf8.ts";

/** Major types of CBOR (RFC 8949 §3.1). */
export const Major = { uint: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const;

/** Head of a text of no bytes; up to 23 are added to it. */
const SHORT_TEXT = 0x60;
const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;
const FLOAT64 = 0xfb;

const floatBits = new DataView(new ArrayBuffer(8));

/**
 * The same bytes as plain `Uint8Array`. Views into a Buffer would be Buffers: slower to read, and another type to whoever
 * compares.
 */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A key that is expected in a map: its text, and its bytes there with their head. */
export interface KnownKey {
  readonly text: string;
  readonly bytes: readonly number[];
}

/** Short ASCII keys, to be given in the order in which DAG-CBOR sorts them: shorter first, then byte by byte. */
export function knownKeys(texts: readonly string[]): readonly KnownKey[] {
  return texts.map((text) => ({ text, bytes: [SHORT_TEXT + text.length, ...ascii(text)] }));
}

export class CborReader {
  readonly bytes: Uint8Array;
  /** Offset of the next item's head. */
  at: number;
  /** First offset that is no longer ours. */
  readonly end: number;
  /** Values decoded so far, for the bound of a whole record. */
  #values = 0;
  /** Argument of the last head read; −1 where it does not fit 53 bits, which only an integer may have. */
  argument = 0;

  /** Containers inside one another. */
  maxDepth: number = MAX_CBOR_DEPTH;

  constructor(bytes: Uint8Array, from = 0, to: number = bytes.length) {
    this.bytes = plainBytes(bytes);
    this.at = from;
    this.end = to;
  }

  fail(reason: string, offset: number = this.at): never {
    throw new MalformedBytesError(reason, offset);
  }

  /** Counts one more value of a record. */
  countValue(): void {
    this.#values += 1;
    if (this.#values > MAX_RECORD_VALUES) {
      this.fail(`more than ${MAX_RECORD_VALUES} values`);
    }
  }

  /** Major type of the next item, which stays unread. */
  peekMajor(): number {
    if (this.at >= this.end) {
      this.fail("bytes end within an item");
    }
    return (this.bytes[this.at] ?? 0) >> 5;
  }

  /** Reads a head of a major type other than `simple`; its argument goes to `argument`. Returns the major type. */
  head(): number {
    const major = this.peekMajor();
    const info = (this.bytes[this.at] ?? 0) & 31;
    if (info < 24) {
      this.argument = info;
      this.at += 1;
    } else {
      this.#longArgument(info, major);
    }
    return major;
  }

  #longArgument(info: number, major: number): void {
    const size = info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : info === 27 ? 8 : 0;
    if (size === 0) {
      this.fail(info === 31 ? "indefinite length" : "reserved head");
    }
    const at = this.at + 1;
    if (at + size > this.end) {
      this.fail("bytes end within an item");
    }
    const argument = this.#uint(at, size);
    const least = size === 1 ? 24 : size === 2 ? 0x100 : size === 4 ? 0x1_0000 : 0x1_0000_0000;
    if (argument < least && argument >= 0) {
      this.fail("number is not in its shortest form");
    }
    if (argument < 0 && major > Major.negative) {
      this.fail("length is longer than the bytes");
    }
    this.argument = argument;
    this.at = at + size;
  }

  #uint(at: number, size: number): number {
    const { bytes } = this;
    switch (size) {
      case 1:
        return bytes[at] ?? 0;
      case 2:
        return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      case 4:
        return this.#uint32(at);
      default: {
        const value = this.#uint32(at) * 0x1_0000_0000 + this.#uint32(at + 4);
        return value <= Number.MAX_SAFE_INTEGER ? value : -1;
      }
    }
  }

  #uint32(at: number): number {
    const { bytes } = this;
    return (
      (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>>
      0
    );
  }

  #uint64(at: number): bigint {
    return (BigInt(this.#uint32(at)) << 32n) | BigInt(this.#uint32(at + 4));
  }

  /** The integer whose head was just read. */
  integer(major: number): number | bigint {
    const isNegative = major === Major.negative;
    if (this.argument >= 0 && (!isNegative || this.argument < Number.MAX_SAFE_INTEGER)) {
      return isNegative ? -1 - this.argument : this.argument;
    }
    const magnitude = this.argument >= 0 ? BigInt(this.argument) : this.#uint64(this.at - 8);
    return isNegative ? -1n - magnitude : magnitude;
  }

  /** Start of the text or bytes whose head was just read; they are consumed and end at `at`. */
  take(): number {
    const from = this.at;
    if (this.argument > this.end - from) {
      this.fail("length is longer than the bytes", from);
    }
    this.at = from + this.argument;
    return from;
  }

  /** Checks the count of the container whose head was just read, before anything is allocated for it. */
  count(bytesAnItem: number): number {
    const { argument } = this;
    if (argument > MAX_CONTAINER_ITEMS) {
      this.fail(`container has more than ${MAX_CONTAINER_ITEMS} items`);
    }
    if (argument * bytesAnItem > this.end - this.at) {
      this.fail("count is larger than the bytes");
    }
    return argument;
  }

  /** Reads a map's head and returns the number of its entries. */
  tryMap(): number | undefined {
    if (this.peekMajor() !== Major.map) {
      return undefined;
    }
    this.head();
    return this.count(2);
  }

  tryArray(): number | undefined {
    if (this.peekMajor() !== Major.array) {
      return undefined;
    }
    this.head();
    return this.count(1);
  }

  /** Reads a key and checks that it comes after the one at `previousAt` (−1 for the first): shorter first, then byte by byte. */
  key(previousAt: number): string {
    const { at } = this;
    const from = this.#keyStart(at);
    this.#checkAfter(previousAt, at);
    return internedUtf8(this.bytes, from, this.at) ?? this.fail("text is not valid UTF-8", from);
  }

  /**
   * Consumes the key here if it is one of those from index `from` on, with the same check of its order, and returns its index; −1, and
   * nothing consumed, for any other. Comparing with what is expected is quicker than looking up what came.
   */
  tryKnownKey(keys: readonly KnownKey[], from: number, previousAt: number): number {
    for (let i = from; i < keys.length; i += 1) {
      const key = keys[i]?.bytes;
      if (key !== undefined && this.#startsWith(key)) {
        const { at } = this;
        this.at = at + key.length;
        this.#checkAfter(previousAt, at);
        return i;
      }
    }
    return -1;
  }

  #startsWith(key: readonly number[]): boolean {
    const { at, bytes } = this;
    return at + key.length <= this.end && hasBytes(bytes, at, key);
  }

  /** Consumes a key's head and bytes; returns where the bytes start. Nearly all are short: their head is one byte. */
  #keyStart(at: number): number {
    const length = (this.bytes[at] ?? 0) - SHORT_TEXT;
    if (length >= 0 && length < 24 && at + length < this.end) {
      this.at = at + 1 + length;
      return at + 1;
    }
    if (this.head() !== Major.text) {
      this.fail("key is not a text", at);
    }
    const from = this.take();
    if (this.argument > MAX_MAP_KEY_BYTES) {
      this.fail(`key is longer than ${MAX_MAP_KEY_BYTES} bytes`, at);
    }
    return from;
  }

  /** The heads of short keys are their lengths: mostly they tell already. */
  #checkAfter(previousAt: number, at: number): void {
    if (previousAt >= 0 && (this.bytes[at] ?? 0) <= (this.bytes[previousAt] ?? 0)) {
      this.#checkOrder(previousAt, at);
    }
  }

  /** Heads are in shortest form, so comparing the encoded keys compares lengths first. */
  #checkOrder(previousAt: number, at: number): void {
    const { bytes } = this;
    for (let i = 0; at + i < this.at; i += 1) {
      const difference = (bytes[at + i] ?? 0) - (bytes[previousAt + i] ?? 0);
      if (difference !== 0) {
        if (difference < 0) {
          this.fail("keys are not sorted", at);
        }
        return;
      }
    }
    this.fail("key occurs twice", at);
  }

  tryText(): string | undefined {
    if (this.peekMajor() !== Major.text) {
      return undefined;
    }
    this.head();
    return this.text();
  }

  /** The text whose head was just read. */
  text(): string {
    return this.textFrom(this.take());
  }

  /** A short text that comes again and again. */
  tryInterned(): string | undefined {
    if (this.peekMajor() !== Major.text) {
      return undefined;
    }
    this.head();
    const from = this.take();
    return internedUtf8(this.bytes, from, this.at) ?? this.fail("text is not valid UTF-8", from);
  }

  /** Consumes a text without making it and returns where its bytes start (they end at `at`); undefined for another type. */
  trySkipText(): number | undefined {
    const from = this.tryUncheckedText();
    if (from !== undefined) {
      this.#checkUtf8(from);
    }
    return from;
  }

  /** The same for a caller that sees to it that the text is valid UTF-8: by finding it to be ASCII of some form, or with `textFrom`. */
  tryUncheckedText(): number | undefined {
    if (this.peekMajor() !== Major.text) {
      return undefined;
    }
    this.head();
    return this.take();
  }

  /** The text from there to `at`. */
  textFrom(from: number): string {
    return utf8(this.bytes, from, this.at) ?? this.fail("text is not valid UTF-8", from);
  }

  #checkUtf8(from: number): void {
    if (!isAscii(this.bytes, from, this.at) && utf8(this.bytes, from, this.at) === undefined) {
      this.fail("text is not valid UTF-8", from);
    }
  }

  /** Consumes a byte string and returns where it starts; it ends at `at`. */
  trySkipBytes(): number | undefined {
    if (this.peekMajor() !== Major.bytes) {
      return undefined;
    }
    this.head();
    return this.take();
  }

  /** An unsigned integer of up to 53 bits. */
  tryUint(): number | undefined {
    const at = this.at;
    if (this.peekMajor() !== Major.uint) {
      return undefined;
    }
    this.head();
    if (this.argument < 0) {
      this.at = at;
      return undefined;
    }
    return this.argument;
  }

  /** An integer of up to 53 bits, of either sign. */
  tryInteger(): number | undefined {
    const { at } = this;
    const major = this.peekMajor();
    if (major !== Major.uint && major !== Major.negative) {
      return undefined;
    }
    this.head();
    const value = this.integer(major);
    if (typeof value === "bigint") {
      this.at = at;
      return undefined;
    }
    return value;
  }

  tryBoolean(): boolean | undefined {
    const byte = this.bytes[this.at];
    if (this.at >= this.end || (byte !== FALSE && byte !== TRUE)) {
      return undefined;
    }
    this.at += 1;
    return byte === TRUE;
  }

  tryNull(): boolean {
    if (this.at >= this.end || this.bytes[this.at] !== NULL) {
      return false;
    }
    this.at += 1;
    return true;
  }

  /** Consumes a link and returns where its CID's bytes start (after the zero byte); they end at `at`. */
  tryLink(): number | undefined {
    return this.peekMajor() === Major.tag ? this.link() : undefined;
  }

  /** Like `tryLink`, but only for the CID of a record, commit or tree node: returns where its digest starts. */
  tryRecordLink(): number | undefined {
    const { at } = this;
    const cidAt = this.tryLink();
    if (cidAt === undefined || !isRecordCid(this.bytes, cidAt, this.at)) {
      this.at = at;
      return undefined;
    }
    return cidAt + CID_PREFIX_BYTES;
  }

  link(): number {
    const at = this.at;
    if (this.head() !== Major.tag || this.argument !== 42) {
      this.fail("tag is not 42", at);
    }
    const bytesAt = this.at;
    if (this.at >= this.end || this.head() !== Major.bytes) {
      this.fail("link is not a byte string", bytesAt);
    }
    const from = this.take();
    if (from >= this.at || this.bytes[from] !== 0 || readCidBytes(this.bytes, from + 1, this.at) !== this.at) {
      this.fail("link holds no CID", from);
    }
    return from + 1;
  }

  /** Reads an item of major type 7: false, true, null or the value of a 64-bit float. */
  simple(): boolean | null | number {
    const byte = this.bytes[this.at] ?? 0;
    switch (byte) {
      case FALSE:
      case TRUE:
        this.at += 1;
        return byte === TRUE;
      case NULL:
        this.at += 1;
        return null;
      case FLOAT64:
        return this.#float();
      default:
        return this.fail(byte === 0xf9 || byte === 0xfa ? "float is not of 64 bits" : "simple value is not allowed");
    }
  }

  #float(): number {
    if (this.at + 9 > this.end) {
      this.fail("bytes end within an item");
    }
    floatBits.setUint32(0, this.#uint32(this.at + 1));
    floatBits.setUint32(4, this.#uint32(this.at + 5));
    const value = floatBits.getFloat64(0);
    if (!Number.isFinite(value)) {
      this.fail("float is NaN or infinite");
    }
    this.at += 9;
    return value;
  }

  /** Consumes one item of any kind with all checks; `depth` containers are open around it. */
  skip(depth: number): void {
    const major = this.peekMajor();
    if (major === Major.tag) {
      this.link();
    } else if (major === Major.simple) {
      this.simple();
    } else {
      this.#skipWithHead(depth);
    }
  }

  #skipWithHead(depth: number): void {
    switch (this.head()) {
      case Major.bytes:
        this.take();
        break;
      case Major.text:
        this.#checkUtf8(this.take());
        break;
      case Major.array:
        this.#skipArray(this.enter(depth));
        break;
      case Major.map:
        this.#skipMap(this.enter(depth));
        break;
      default: // integers have nothing after their head
    }
  }

  /** The depth inside a container that `depth` others are around. */
  enter(depth: number): number {
    if (depth >= this.maxDepth) {
      this.fail(`nested deeper than ${this.maxDepth}`);
    }
    return depth + 1;
  }

  #skipArray(depth: number): void {
    for (let left = this.count(1); left > 0; left -= 1) {
      this.skip(depth);
    }
  }

  #skipMap(depth: number): void {
    let previousAt = -1;
    for (let left = this.count(2); left > 0; left -= 1) {
      const keyAt = this.at;
      this.key(previousAt);
      previousAt = keyAt;
      this.skip(depth);
    }
  }
}

/** Numbers, texts and digests to bytes: the primitives of the pack format (docs/formats.md), into one growing buffer. */

import { DIGEST_BYTES, DIGEST_PREFIX_BYTES } from "./cid.ts";

const utf8 = new TextEncoder();

/** Longest form of a varint: 2^53−1 takes eight groups of seven bits. */
export const MAX_VARINT_BYTES = 8;

/**
 * Only `reserve` makes room, so that a caller pays for one check an envelope and not one a field. Values that the format
 * cannot hold (a fraction, a digest of another length) throw a RangeError: they are faults of the caller.
 */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  get capacity(): number {
    return this.#bytes.length;
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  /** What was written, as a copy of its own: this buffer is written again after `rewind`. */
  copy(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /** What was written; the buffer itself where it is full, so that the writer is not to be used again. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#length === this.#bytes.length ? this.#bytes : this.copy();
  }

  /** Takes back everything after `length`. */
  rewind(length: number): void {
    this.#length = length;
  }

  byte(value: number): void {
    this.#bytes[this.#length++] = value;
  }

  u32(value: number): void {
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  /** An integer 0 … 2^53−1 in groups of seven bits, lowest first; the high bit says that another group follows. */
  varint(value: number): void {
    if ((value & 0x7f) === value) this.#bytes[this.#length++] = value;
    else this.#longVarint(value);
  }

  /** An integer of either sign: the first byte holds the sign (0x40) and six bits, the rest is a varint. */
  signed(value: number): void {
    const magnitude = Math.abs(value);
    const sign = value < 0 ? 0x40 : 0;
    if ((magnitude & 0x3f) === magnitude) {
      this.#bytes[this.#length++] = sign | magnitude;
      return;
    }
    if (!Number.isSafeInteger(magnitude)) throw new RangeError(`not an integer of 53 bits: ${value}`);
    this.#bytes[this.#length++] = 0x80 | sign | (magnitude % 64);
    this.varint(Math.floor(magnitude / 64));
  }

  digest(value: Uint8Array): void {
    if (value.length !== DIGEST_BYTES) throw new RangeError(`not a digest of ${DIGEST_BYTES} bytes: ${value.length}`);
    this.bytes(value);
  }

  digestPrefix(value: Uint8Array): void {
    if (value.length !== DIGEST_PREFIX_BYTES) throw new RangeError(`not ${DIGEST_PREFIX_BYTES} bytes: ${value.length}`);
    // So few bytes are cheaper in a loop than by a call into the runtime.
    for (let index = 0; index < DIGEST_PREFIX_BYTES; index++) this.#bytes[this.#length++] = value[index] ?? 0;
  }

  /** Length and bytes. */
  block(value: Uint8Array): void {
    this.varint(value.length);
    this.bytes(value);
  }

  /** Bytes alone. */
  bytes(value: Uint8Array): void {
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** What another writer has written. */
  append(other: ByteWriter): void {
    this.bytes(other.#bytes.subarray(0, other.#length));
  }

  /** Length in bytes and UTF-8. `reserve` three bytes a UTF-16 unit. */
  text(value: string): void {
    const bytes = this.#bytes;
    const length = value.length;
    if (length < 0x80) {
      // Nearly every text is short ASCII: cheaper in a loop than by a call into the runtime.
      const start = this.#length;
      let at = start + 1;
      let index = 0;
      for (; index < length; index++) {
        const code = value.charCodeAt(index);
        if (code > 0x7f) break;
        bytes[at++] = code;
      }
      if (index === length) {
        bytes[start] = length;
        this.#length = at;
        return;
      }
    }
    this.block(utf8.encode(value));
  }

  #longVarint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an integer of 53 bits: ${value}`);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }
}

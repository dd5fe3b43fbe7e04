/** Bytes to numbers, texts and digests: the other way of `byte-writer.ts`, strict, so that each value has one form only. */

import { DIGEST_BYTES, DIGEST_PREFIX_BYTES } from "./cid.ts";
import { utf8 } from "./utf8.ts";

export type ByteFaultReason = "truncated" | "bad-varint" | "bad-text" | "bad-code" | "bad-flags" | "over-limit";

/** Thrown inside the codecs and made a value where they are left; `offset` counts from the start of the bytes. */
export class ByteFault extends Error {
  readonly reason: ByteFaultReason;
  readonly offset: number;

  constructor(reason: ByteFaultReason, offset: number) {
    super(`${reason} at byte ${offset}`);
    this.name = "ByteFault";
    this.reason = reason;
    this.offset = offset;
  }
}

/** Digests and blocks are views of the bytes given, not copies: who keeps one keeps the whole buffer alive. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #offset: number;

  /** Reads `bytes` from `from` to `to`; offsets count from the start of `bytes`. */
  constructor(bytes: Uint8Array, from = 0, to: number = bytes.length) {
    this.#bytes = bytes;
    this.#offset = from;
    this.#end = to;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  byte(): number {
    const value = this.#bytes[this.#offset];
    if (value === undefined || this.#offset >= this.#end) throw new ByteFault("truncated", this.#offset);
    this.#offset++;
    return value;
  }

  u32(): number {
    const { buffer, byteOffset } = this.#bytes;
    return new DataView(buffer, byteOffset + this.#take(4), 4).getUint32(0, true);
  }

  varint(): number {
    const first = this.byte();
    return first < 0x80 ? first : this.#longVarint(first);
  }

  signed(): number {
    const start = this.#offset;
    const first = this.byte();
    let magnitude = first & 0x3f;
    if (first >= 0x80) {
      const rest = this.varint();
      magnitude += rest * 64;
      if (rest === 0 || !Number.isSafeInteger(magnitude)) throw new ByteFault("bad-varint", start);
    }
    if ((first & 0x40) === 0) return magnitude;
    if (magnitude === 0) throw new ByteFault("bad-varint", start);
    return -magnitude;
  }

  digest(): Uint8Array {
    return this.#slice(this.#take(DIGEST_BYTES), DIGEST_BYTES);
  }

  digestPrefix(): Uint8Array {
    return this.#slice(this.#take(DIGEST_PREFIX_BYTES), DIGEST_PREFIX_BYTES);
  }

  block(): Uint8Array {
    const length = this.varint();
    const start = this.#take(length);
    return this.#slice(start, length);
  }

  text(): string {
    const length = this.varint();
    const start = this.#take(length);
    const text = utf8(this.#bytes, start, this.#offset);
    if (text === undefined) throw new ByteFault("bad-text", start);
    return text;
  }

  #take(count: number): number {
    const start = this.#offset;
    if (count > this.#end - start) throw new ByteFault("truncated", start);
    this.#offset = start + count;
    return start;
  }

  #slice(start: number, length: number): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, length);
  }

  #longVarint(first: number): number {
    const start = this.#offset - 1;
    let value = first & 0x7f;
    let scale = 128;
    for (let groups = 1; groups < 8; groups++) {
      const next = this.byte();
      value += (next & 0x7f) * scale;
      if (next < 0x80) {
        // A last group of zero would be a second form of a shorter number.
        if (next === 0 || !Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 128;
    }
    throw new ByteFault("bad-varint", start);
  }
}

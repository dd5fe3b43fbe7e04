/** Rows in, a file in Postgres' binary COPY format out (docs: COPY, "Binary Format"): big-endian, no text to parse on the other side. */
import { writeFileSync } from "node:fs";

const SIGNATURE = Buffer.from("PGCOPY\n\xff\r\n\0", "latin1");
/** Flags and the length of an extension, both 0. */
const HEAD_BYTES = SIGNATURE.length + 8;
const FIRST_BYTES = 2 ** 20;
/** Any fixed field, with its length. */
const FIELD_BYTES = 12;
const JSONB_VERSION = 1;

export class CopyRows {
  #buffer = Buffer.alloc(FIRST_BYTES);
  #view = viewOf(this.#buffer);
  #at = HEAD_BYTES;
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  /** Begins a row; its fields follow, in the order of the table's list. */
  row(fields: number): this {
    this.#room(2);
    this.#view.setInt16(this.#at, fields);
    this.#at += 2;
    this.#rows += 1;
    return this;
  }

  null(): this {
    this.#room(FIELD_BYTES);
    this.#view.setInt32(this.#at, -1);
    this.#at += 4;
    return this;
  }

  int4(value: number): this {
    this.#room(FIELD_BYTES);
    this.#view.setInt32(this.#at, 4);
    this.#view.setInt32(this.#at + 4, value);
    this.#at += 8;
    return this;
  }

  /** `value` × 2^shift + `low`, as an int8; value < 2^53, shift ≤ 32. Spares the bigint. */
  int8(value: number, shift = 0, low = 0): this {
    this.#room(FIELD_BYTES);
    const split = 2 ** (32 - shift);
    this.#view.setInt32(this.#at, 8);
    this.#view.setInt32(this.#at + 4, Math.floor(value / split));
    this.#view.setUint32(this.#at + 8, (value - Math.floor(value / split) * split) * 2 ** shift + low);
    this.#at += 12;
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#room(4 + value.length);
    this.#view.setInt32(this.#at, value.length);
    this.#buffer.set(value, this.#at + 4);
    this.#at += 4 + value.length;
    return this;
  }

  /** All of it ASCII. */
  text(value: string): this {
    this.#room(4 + value.length);
    this.#view.setInt32(this.#at, value.length);
    this.#buffer.write(value, this.#at + 4, "latin1");
    this.#at += 4 + value.length;
    return this;
  }

  jsonb(value: string): this {
    const length = 1 + Buffer.byteLength(value);
    this.#room(4 + length);
    this.#view.setInt32(this.#at, length);
    this.#view.setUint8(this.#at + 4, JSONB_VERSION);
    this.#buffer.write(value, this.#at + 5);
    this.#at += 4 + length;
    return this;
  }

  /** Writes the file, which the server's account may read, and begins anew. */
  save(path: string): void {
    this.#room(2);
    this.#buffer.set(SIGNATURE, 0);
    this.#buffer.fill(0, SIGNATURE.length, HEAD_BYTES);
    this.#view.setInt16(this.#at, -1);
    writeFileSync(path, this.#buffer.subarray(0, this.#at + 2), { mode: 0o644 });
    this.#at = HEAD_BYTES;
    this.#rows = 0;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.alloc(2 * this.#buffer.length + bytes);
    larger.set(this.#buffer);
    this.#buffer = larger;
    this.#view = viewOf(larger);
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

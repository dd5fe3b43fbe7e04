/** A frame → where its `seq` stands, and the same frame with another one. */
import { CborReader } from "../../core/cbor-reader.ts";
import { asDecoded } from "../../core/dag-cbor.ts";
import { readFields, readHeader } from "../../core/frame.ts";

export interface SeqPlace {
  readonly seq: number;
  /** First byte of the integer, and the first after it. */
  readonly from: number;
  readonly to: number;
}

/** null where the frame has no seq (`#info`, errors) or cannot be read. */
export function locateSeq(frame: Uint8Array): SeqPlace | null {
  const found: { place: SeqPlace | null } = { place: null };
  const decoded = asDecoded(() => {
    const reader = new CborReader(frame);
    readHeader(reader);
    readFields(reader, { depth: 0, keys: [] }, found, readSeqField);
  });
  return decoded.ok ? found.place : null;
}

function readSeqField(reader: CborReader, key: string, found: { place: SeqPlace | null }): boolean {
  if (key !== "seq") return false;
  const from = reader.at;
  const seq = reader.tryInteger();
  if (seq === undefined) return false;
  found.place = { seq, from, to: reader.at };
  return true;
}

/** A copy with `seq` in that place, in the shortest form, as canonical CBOR wants it. `seq` is 0 … 2^53−1. */
export function replaceSeq(frame: Uint8Array, place: SeqPlace, seq: number): Uint8Array {
  const width = uintWidth(seq);
  const copy = Buffer.allocUnsafe(frame.length - (place.to - place.from) + width);
  copy.set(frame.subarray(0, place.from));
  writeUint(copy, place.from, seq, width);
  copy.set(frame.subarray(place.to), place.from + width);
  return copy;
}

function uintWidth(value: number): 1 | 2 | 3 | 5 | 9 {
  if (value < 24) return 1;
  if (value < 2 ** 8) return 2;
  if (value < 2 ** 16) return 3;
  return value < 2 ** 32 ? 5 : 9;
}

/** Major type 0: below 24 the value is the head itself, above it 24 … 27 say that 1, 2, 4 or 8 bytes follow. */
function writeUint(bytes: Buffer, at: number, value: number, width: 1 | 2 | 3 | 5 | 9): void {
  if (width === 1) {
    bytes[at] = value;
    return;
  }
  bytes[at] = 24 + Math.log2(width - 1);
  if (width === 9) bytes.writeBigUInt64BE(BigInt(value), at + 1);
  else bytes.writeUIntBE(value, at + 1, width - 1);
}

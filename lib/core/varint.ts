/** Unsigned varints (LEB128, shortest form), as CAR and CIDs use them. */

/** Four bytes are enough: nothing here is longer than 256 MiB. */
const MAX_VARINT_BYTES = 4;

/**
 * The varint at `at`, or −1 where none stands there in its shortest form before `to`. How long it was, `varintLength` tells: the
 * shortest form is the only one.
 */
export function readVarint(bytes: Uint8Array, at: number, to: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80 && at < to) {
    return first;
  }
  return readLongVarint(bytes, at, to);
}

function readLongVarint(bytes: Uint8Array, at: number, to: number): number {
  let value = 0;
  const end = Math.min(to, at + MAX_VARINT_BYTES);
  for (let i = at, shift = 0; i < end; i += 1, shift += 7) {
    const byte = bytes[i] ?? 0;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      return byte === 0 && i > at ? -1 : value;
    }
  }
  return -1;
}

/** Bytes that a value takes as varint. */
export function varintLength(value: number): number {
  if (value < 0x80) {
    return 1;
  }
  return value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

/** Base32 as CIDs use it: RFC 4648, lower case, no padding. */

import { latin1 } from "./utf8.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

const CODES = new Uint8Array(Buffer.from(ALPHABET, "latin1"));

/** Character code → value; 255 for what is no base32 digit. */
const VALUES = new Uint8Array(256).fill(255);
CODES.forEach((code, value) => {
  VALUES[code] = value;
});

/** Bytes → text. */
export function toBase32(bytes: Uint8Array): string {
  const text = new Uint8Array(Math.ceil((bytes.length * 8) / 5));
  let pending = 0;
  let bits = 0;
  let at = 0;
  for (const byte of bytes) {
    pending = ((pending << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text[at] = CODES[(pending >> bits) & 31] ?? 0;
      at += 1;
    }
  }
  if (bits > 0) {
    text[at] = CODES[(pending << (5 - bits)) & 31] ?? 0;
  }
  return latin1(text, 0, text.length);
}

/** Text from `from` on → bytes; undefined where it is not what `toBase32` would have written. */
export function fromBase32(text: string, from = 0): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor(((text.length - from) * 5) / 8));
  let pending = 0;
  let bits = 0;
  let at = 0;
  for (let i = from; i < text.length; i += 1) {
    const value = VALUES[text.charCodeAt(i)] ?? 255;
    if (value === 255) {
      return undefined;
    }
    pending = ((pending << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at] = pending >> bits;
      at += 1;
    }
  }
  // Left-over bits: fewer than a digit's worth and all zero, or another text would mean the same bytes.
  return bits < 5 && (pending & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}

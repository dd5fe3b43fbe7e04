/** Base32 as CIDs use it: RFC 4648, lower case, no padding. */

import { latin1 } from "./utf8.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

const CODES = new Uint8Array(Buffer.from(ALPHABET, "latin1"));

/** Character code → value; 255 for what is no base32 digit. */
const VALUES = new Uint8Array(256).fill(255);
CODES.forEach((code, value) => {
  VALUES[code] = value;
});

/** Bytes → text. Five bytes, eight digits, at a time: each half of them fits an integer of 32 bits. */
export function toBase32(bytes: Uint8Array): string {
  const text = new Uint8Array(Math.ceil((bytes.length * 8) / 5));
  const wholeEnd = bytes.length - (bytes.length % 5);
  let at = 0;
  for (let i = 0; i < wholeEnd; i += 5, at += 8) {
    const middle = bytes[i + 2] ?? 0;
    putDigits(text, at, ((bytes[i] ?? 0) << 12) | ((bytes[i + 1] ?? 0) << 4) | (middle >> 4));
    putDigits(text, at + 4, ((middle & 15) << 16) | ((bytes[i + 3] ?? 0) << 8) | (bytes[i + 4] ?? 0));
  }
  let pending = 0;
  let bits = 0;
  for (let i = wholeEnd; i < bytes.length; i += 1) {
    pending = ((pending << 8) | (bytes[i] ?? 0)) & 0xfff;
    for (bits += 8; bits >= 5; at += 1) {
      bits -= 5;
      text[at] = CODES[(pending >> bits) & 31] ?? 0;
    }
  }
  if (bits > 0) {
    text[at] = CODES[(pending << (5 - bits)) & 31] ?? 0;
  }
  return latin1(text, 0, text.length);
}

/** 20 bits as four digits. */
function putDigits(text: Uint8Array, at: number, bits: number): void {
  text[at] = CODES[bits >> 15] ?? 0;
  text[at + 1] = CODES[(bits >> 10) & 31] ?? 0;
  text[at + 2] = CODES[(bits >> 5) & 31] ?? 0;
  text[at + 3] = CODES[bits & 31] ?? 0;
}

/** Text from `from` on → bytes; undefined where it is not what `toBase32` would have written. */
export function fromBase32(text: string, from = 0): Uint8Array | undefined {
  const digits = text.length - from;
  const bytes = new Uint8Array(Math.floor((digits * 5) / 8));
  const wholeEnd = from + digits - (digits % 8);
  let at = 0;
  for (let i = from; i < wholeEnd; i += 8, at += 5) {
    const high = fourDigits(text, i);
    const low = fourDigits(text, i + 4);
    if (high > MOST_OF_FOUR || low > MOST_OF_FOUR) {
      return undefined;
    }
    bytes[at] = high >> 12;
    bytes[at + 1] = (high >> 4) & 255;
    bytes[at + 2] = ((high & 15) << 4) | (low >> 16);
    bytes[at + 3] = (low >> 8) & 255;
    bytes[at + 4] = low & 255;
  }
  let pending = 0;
  let bits = 0;
  for (let i = wholeEnd; i < text.length; i += 1) {
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

const MOST_OF_FOUR = 0xf_ffff;

/** Four digits as 20 bits; more than that where one of them is none. */
function fourDigits(text: string, at: number): number {
  const a = VALUES[text.charCodeAt(at)] ?? 255;
  const b = VALUES[text.charCodeAt(at + 1)] ?? 255;
  const c = VALUES[text.charCodeAt(at + 2)] ?? 255;
  const d = VALUES[text.charCodeAt(at + 3)] ?? 255;
  return (a | b | c | d) > 31 ? MOST_OF_FOUR + 1 : (a << 15) | (b << 10) | (c << 5) | d;
}

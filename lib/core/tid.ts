/** TIDs: 13 sortable characters ⇄ a 63-bit integer (53 bits of microseconds, 10 bits of clock id). Source: TID specification. */

import { latin1 } from "./utf8.ts";

const ALPHABET = "234567abcdefghijklmnopqrstuvwxyz";

export const TID_CHARS = 13;

/** Character code → value; 255 for what is no digit of a TID. */
const VALUES = new Uint8Array(256).fill(255);
Buffer.from(ALPHABET, "latin1").forEach((code, value) => {
  VALUES[code] = value;
});

const halves = new DataView(new ArrayBuffer(8));
const scratch = new Uint8Array(TID_CHARS);

/** Text → integer; undefined where it is no TID. The top bit is 0 by the specification, so every TID fits Postgres' bigint. */
export function parseTid(text: string): bigint | undefined {
  if (text.length !== TID_CHARS) {
    return undefined;
  }
  for (let i = 0; i < TID_CHARS; i += 1) {
    scratch[i] = text.charCodeAt(i) > 0x7f ? 0 : text.charCodeAt(i);
  }
  return readTid(scratch, 0);
}

/** The TID in the 13 bytes at `at`; undefined where none stands there. Spares the string where only the integer is wanted. */
export function readTid(bytes: Uint8Array, at: number): bigint | undefined {
  let wrong = 0;
  let high = 0;
  let low = 0;
  // 65 bits in 13 digits: 6 digits and 3 bits are the high half, 2 bits and 6 digits the low one (the topmost bit is empty).
  for (let i = 0; i < 6; i += 1) {
    const value = VALUES[bytes[at + i] ?? 0] ?? 255;
    wrong |= value;
    high = (high << 5) | value;
  }
  const middle = VALUES[bytes[at + 6] ?? 0] ?? 255;
  wrong |= middle;
  for (let i = 7; i < TID_CHARS; i += 1) {
    const value = VALUES[bytes[at + i] ?? 0] ?? 255;
    wrong |= value;
    low = (low << 5) | value;
  }
  const first = VALUES[bytes[at] ?? 0] ?? 255;
  if (wrong > 31 || first > 7) {
    return undefined;
  }
  halves.setUint32(0, (high << 3) | (middle >> 2));
  halves.setUint32(4, ((middle & 3) << 30) | low);
  return halves.getBigUint64(0);
}

/** Integer → text. */
export function tidText(tid: bigint): string {
  halves.setBigUint64(0, tid);
  let high = halves.getUint32(0);
  let low = halves.getUint32(4);
  const middle = ((high & 7) << 2) | (low >>> 30);
  for (let i = TID_CHARS - 1; i > 6; i -= 1) {
    scratch[i] = ALPHABET.charCodeAt(low & 31);
    low >>>= 5;
  }
  scratch[6] = ALPHABET.charCodeAt(middle);
  high >>>= 3;
  for (let i = 5; i >= 0; i -= 1) {
    scratch[i] = ALPHABET.charCodeAt(high & 31);
    high >>>= 5;
  }
  return latin1(scratch, 0, TID_CHARS);
}

/** When a TID says that it was made: Unix milliseconds, rounded down. */
export function tidTimeMs(tid: bigint): number {
  return Math.floor(tidMicros(tid) / 1000);
}

const CLOCK_BITS = 10;
/** Clock ids are 0 … 1023. */
export const MAX_TID_CLOCK = 2 ** CLOCK_BITS - 1;

/** The upper 53 bits of a TID: Unix microseconds. */
export function tidMicros(tid: bigint): number {
  halves.setBigUint64(0, tid);
  return halves.getUint32(0) * 2 ** (32 - CLOCK_BITS) + (halves.getUint32(4) >>> CLOCK_BITS);
}

/** The lower ten bits of a TID: which of several clocks made it. */
export function tidClock(tid: bigint): number {
  halves.setBigUint64(0, tid);
  return halves.getUint32(4) & MAX_TID_CLOCK;
}

/** The TID of microseconds (0 … 2^53−1) and clock id. */
export function makeTid(micros: number, clock: number): bigint {
  const high = Math.floor(micros / 2 ** (32 - CLOCK_BITS));
  halves.setUint32(0, high);
  halves.setUint32(4, (micros % 2 ** (32 - CLOCK_BITS)) * (MAX_TID_CLOCK + 1) + clock);
  return halves.getBigUint64(0);
}

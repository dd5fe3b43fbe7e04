/** Bytes → text, fast: Node's own slices, which take any byte array, without the cost of a decoder object. */

interface NativeSlices {
  latin1Slice(this: Uint8Array, from: number, to: number): string;
  utf8Slice(this: Uint8Array, from: number, to: number): string;
  hexSlice(this: Uint8Array, from: number, to: number): string;
  base64Slice(this: Uint8Array, from: number, to: number): string;
}

const { latin1Slice, utf8Slice, hexSlice, base64Slice } = Buffer.prototype as unknown as NativeSlices;

const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const REPLACEMENT = "\uFFFD";

/** Up to here a loop over the bytes is cheaper than asking the decoder whether there was anything to replace. */
const SHORT_BYTES = 64;

/** One character a byte. Right for bytes that are known to be ASCII. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  return latin1Slice.call(bytes, from, to);
}

export function hex(bytes: Uint8Array, from: number, to: number): string {
  return hexSlice.call(bytes, from, to);
}

/** With padding. */
export function base64(bytes: Uint8Array): string {
  return base64Slice.call(bytes, 0, bytes.length);
}

/** Text of valid UTF-8; undefined where it is not valid (surrogates and overlong forms included). A byte order mark is kept. */
export function utf8(bytes: Uint8Array, from: number, to: number): string | undefined {
  if (to - from <= SHORT_BYTES && isAscii(bytes, from, to)) {
    return latin1Slice.call(bytes, from, to);
  }
  const text = utf8Slice.call(bytes, from, to);
  // The lenient decoder puts U+FFFD for what is wrong; only then has to be found out whether the text itself had one.
  return text.includes(REPLACEMENT) ? strictUtf8(bytes.subarray(from, to)) : text;
}

function strictUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

export function isAscii(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i += 1) {
    if ((bytes[i] ?? 0) > 0x7f) {
      return false;
    }
  }
  return true;
}

const TABLE_BITS = 11;
const TABLE_SIZE = 1 << TABLE_BITS;
/** 2^32 divided by the golden ratio: spreads neighbours over the table (Fibonacci hashing). */
const HASH_MULTIPLIER = 0x9e37_79b1;
const MAX_INTERNED_BYTES = 40;
const interned: string[] = new Array<string>(TABLE_SIZE).fill("");

/**
 * Like `utf8`, but short ASCII texts that come again and again (keys, collections) are looked up instead of made: one slot a hash, the
 * last one wins, so that the table never grows.
 */
export function internedUtf8(bytes: Uint8Array, from: number, to: number): string | undefined {
  const length = to - from;
  if (length > MAX_INTERNED_BYTES || length === 0) {
    return utf8(bytes, from, to);
  }
  const slot = slotOf(bytes, from, to);
  const known = interned[slot] ?? "";
  if (known.length === length && isText(bytes, from, known)) {
    return known;
  }
  const text = utf8(bytes, from, to);
  // Only ASCII has as many characters as bytes.
  if (text?.length === length) {
    interned[slot] = asPropertyKey(text);
  }
  return text;
}

/** The texts that matter differ in these four; others that meet in a slot only take it from one another. */
function slotOf(bytes: Uint8Array, from: number, to: number): number {
  const first = bytes[from] ?? 0;
  const middle = bytes[(from + to) >> 1] ?? 0;
  const last = bytes[to - 1] ?? 0;
  const sample = (to - from) | (first << 8) | (middle << 16) | (last << 24);
  return Math.imul(sample, HASH_MULTIPLIER) >>> (32 - TABLE_BITS);
}

/** The bytes of an ASCII text, for constants. */
export function ascii(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}

/** Whether `expected` stands at `at`. */
export function hasBytes(bytes: Uint8Array, at: number, expected: readonly number[]): boolean {
  for (let i = 0; i < expected.length; i += 1) {
    if (bytes[at + i] !== expected[i]) {
      return false;
    }
  }
  return true;
}

/** Whether the same `length` bytes stand at both places. */
export function sameBytes(bytes: Uint8Array, at: number, otherAt: number, length: number): boolean {
  for (let i = 0; i < length; i += 1) {
    if (bytes[at + i] !== bytes[otherAt + i]) {
      return false;
    }
  }
  return true;
}

/** Whether the bytes at `from` are exactly this ASCII text. */
export function isText(bytes: Uint8Array, from: number, text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    if (bytes[from + i] !== text.charCodeAt(i)) {
      return false;
    }
  }
  return true;
}

/** The engine keeps one copy of each property name: a text made from it is compared with literals by address. */
function asPropertyKey(text: string): string {
  return Object.keys({ [text]: 0 })[0] ?? text;
}

/**
 * `createdAt` as one integer: microseconds since 1970 times 16, plus a code of how the text is written, so that nearly
 * every record can be given back byte for byte without its text. The views' functions created_at and created_text know
 * the same codes.
 */
import { daysSinceEpoch } from "./syntax.ts";

/** The text cannot be made from the number: the record's bytes are kept beside its row. */
export const FORM_OTHER = 15n;

/** What an edge's row says where its time is kept with the record's bytes. */
export const CREATED_ELSEWHERE = 15;

/** Fraction digits and zone of the forms that occur in numbers: JavaScript, Go, Python and Rust clients. */
const FORMS: readonly { readonly digits: number; readonly zone: string; readonly code: bigint }[] = [
  { digits: 3, zone: "Z", code: 0n },
  { digits: 0, zone: "Z", code: 1n },
  { digits: 6, zone: "Z", code: 2n },
  { digits: 3, zone: "+00:00", code: 3n },
  { digits: 0, zone: "+00:00", code: 4n },
  { digits: 6, zone: "+00:00", code: 5n },
];

const MICROS_PER_SECOND = 1_000_000;
const [ZERO, DASH, COLON, DOT, LETTER_T] = [0x30, 0x2d, 0x3a, 0x2e, 0x54];

/** The text → the integer; null where it is no time at all that a calendar of the years −4000 to 9999 knows. */
export function packCreatedAt(text: string): bigint | null {
  const form = FORMS.find(({ digits, zone }) => text.length === lengthOf(digits, zone) && text.endsWith(zone));
  const packed = form === undefined ? null : packPlain(text, form);
  if (packed !== null) {
    return packed;
  }
  const ms = Date.parse(text);
  const isKnown = ms >= MIN_MS && ms <= MAX_MS;
  return isKnown ? BigInt(ms) * 16_000n + FORM_OTHER : null;
}

const MIN_MS = Date.UTC(-4000, 0, 1);
const MAX_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Whether `packCreatedAt`'s result says the whole text. */
export function isWholeText(created: bigint | null): boolean {
  return created !== null && (created & 15n) !== FORM_OTHER;
}

/**
 * A packed time as an edge's row has it, in 4 bytes: the distance from the rkey's time (a TID; clients make both within seconds) times 16,
 * plus the code. Milliseconds, or microseconds for the forms that write them: 37 hours, or two minutes, to either side. Null for what is
 * farther away, and for what is no whole text, or no number up to 2^53. The views' function edge_created is the way back.
 */
export function edgeCreated(created: bigint | null, rkey: bigint): number | null {
  if (!isWholeText(created) || created === null) {
    return null;
  }
  const code = Number(created & 15n);
  const [micros, keyMicros] = [Number(created >> 4n), Number(rkey >> 10n)];
  const distance =
    FORMS[code]?.digits === 6 ? micros - keyMicros : Math.floor(micros / 1000) - Math.floor(keyMicros / 1000);
  const fits = Number.isSafeInteger(micros) && distance >= -MAX_DISTANCE && distance < MAX_DISTANCE;
  return fits ? distance * 16 + code : null;
}

/** 28 bits with their sign. */
const MAX_DISTANCE = 2 ** 27;

/** The text back, for the forms that `isWholeText` is true of. */
export function createdAtText(created: bigint): string {
  const form = FORMS[Number(created & 15n)];
  if (form === undefined) {
    throw new RangeError(`created ${created} carries no text`);
  }
  const micros = created >> 4n;
  const ms = Number((micros - (((micros % 1000n) + 1000n) % 1000n)) / 1000n);
  const whole = new Date(ms).toISOString();
  const fraction = `${whole.slice(20, 23)}${String(((micros % 1000n) + 1000n) % 1000n).padStart(3, "0")}`.slice(
    0,
    form.digits,
  );
  return `${whole.slice(0, 19)}${fraction === "" ? "" : `.${fraction}`}${form.zone}`;
}

function lengthOf(digits: number, zone: string): number {
  return "YYYY-MM-DDTHH:MM:SS".length + (digits === 0 ? 0 : digits + 1) + zone.length;
}

/** Null for what no calendar gives back: a 30th of February, a second 60, the year 0. No regular expression: this runs for nearly every record. */
function packPlain(text: string, { digits, code }: (typeof FORMS)[number]): bigint | null {
  const isShaped =
    text.charCodeAt(4) === DASH &&
    text.charCodeAt(7) === DASH &&
    text.charCodeAt(10) === LETTER_T &&
    text.charCodeAt(13) === COLON &&
    text.charCodeAt(16) === COLON &&
    (digits === 0 || text.charCodeAt(19) === DOT);
  const [year, month, day] = [digitsAt(text, 0, 4), digitsAt(text, 5, 2), digitsAt(text, 8, 2)];
  const [hour, minute, second] = [digitsAt(text, 11, 2), digitsAt(text, 14, 2), digitsAt(text, 17, 2)];
  const fraction = digitsAt(text, 20, digits);
  const days = daysSinceEpoch(year, month, day);
  // Comparisons with NaN, which stands for anything but digits, are false.
  if (!(isShaped && days !== undefined && year >= 1 && hour < 24 && minute < 60 && second < 60 && fraction >= 0)) {
    return null;
  }
  const seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
  const fractionMicros = digits === 3 ? fraction * 1000 : fraction;
  const micros = seconds * MICROS_PER_SECOND + fractionMicros;
  // From 1684 to 2255 a number holds them.
  const exact = Number.isSafeInteger(micros)
    ? BigInt(micros)
    : BigInt(seconds) * BigInt(MICROS_PER_SECOND) + BigInt(fractionMicros);
  return exact * 16n + code;
}

/** So many decimal digits as a number, NaN where there are others; 0 for none. */
function digitsAt(text: string, at: number, count: number): number {
  let value = 0;
  for (let index = at; index < at + count; index += 1) {
    const digit = text.charCodeAt(index) - ZERO;
    value = digit >= 0 && digit <= 9 ? value * 10 + digit : Number.NaN;
  }
  return value;
}

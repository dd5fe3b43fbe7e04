/**
 * `createdAt` as one integer: microseconds since 1970 times 16, plus a code of how the text is written, so that nearly
 * every record can be given back byte for byte without its text. The views' functions created_at and created_text know
 * the same codes.
 */

/** The text cannot be made from the number: the record's bytes are kept beside its row. */
export const FORM_OTHER = 15n;

/** Fraction digits and zone of the forms that occur in numbers: JavaScript, Go, Python and Rust clients. */
const FORMS: readonly { readonly digits: number; readonly zone: string; readonly code: bigint }[] = [
  { digits: 3, zone: "Z", code: 0n },
  { digits: 0, zone: "Z", code: 1n },
  { digits: 6, zone: "Z", code: 2n },
  { digits: 3, zone: "+00:00", code: 3n },
  { digits: 0, zone: "+00:00", code: 4n },
  { digits: 6, zone: "+00:00", code: 5n },
];

const PLAIN = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}|\d{6}))?(Z|\+00:00)$/;
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** The text → the integer; null where it is no time at all that a calendar of the years −4000 to 9999 knows. */
export function packCreatedAt(text: string): bigint | null {
  const plain = PLAIN.exec(text);
  const code = plain === null ? FORM_OTHER : codeOf(plain);
  if (code !== FORM_OTHER) {
    const ms = Date.parse(`${text.slice(0, 19)}Z`);
    return (BigInt(ms) * 1000n + BigInt((plain?.[7] ?? "").padEnd(6, "0"))) * 16n + code;
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

/** A code only where a calendar gives the same text back: no 30th of February, no second 60, no year 0. */
function codeOf(plain: RegExpExecArray): bigint {
  const [year, month, day, hour, minute, second] = plain.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const isLeapDay = month === 2 && day === 29 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const fits =
    year >= 1 &&
    day >= 1 &&
    (day <= (DAYS_IN_MONTH[month - 1] ?? 0) || isLeapDay) &&
    hour < 24 &&
    minute < 60 &&
    second < 60;
  const digits = plain[7]?.length ?? 0;
  return (
    (fits ? FORMS.find((form) => form.digits === digits && form.zone === plain[8])?.code : undefined) ?? FORM_OTHER
  );
}

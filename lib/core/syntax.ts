/** Syntax of the protocol's identifiers and datetimes. Sources: the specifications of DID, handle, NSID, record key, AT URI and the data model. */

import { MAX_DID_CHARS, MAX_HANDLE_CHARS, MAX_NSID_CHARS, MAX_RKEY_CHARS } from "./limits.ts";
import { ascii, hasBytes } from "./utf8.ts";

// Every pattern is linear: no two neighbouring repetitions can take the same character.
const PLC_DID = /^did:plc:[a-z2-7]{24}$/;
const DID = /^did:[a-z]+:[A-Za-z0-9._:%-]*[A-Za-z0-9._-]$/;
const HANDLE = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;
const NSID = /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+\.[a-z][a-z0-9]{0,62}$/i;
const RKEY = /^[A-Za-z0-9._:~-]{1,512}$/;
const DATETIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,20}))?(?:Z|([+-])(\d\d):(\d\d))$/;

export function isDid(text: string): boolean {
  return PLC_DID.test(text) || (text.length <= MAX_DID_CHARS && DID.test(text));
}

const PLC_PREFIX = ascii("did:plc:");
const PLC_DID_BYTES = 32;

/** Whether the bytes are a DID of the method that nearly all accounts have: `PLC_DID` in place. */
export function isPlcDidAt(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from !== PLC_DID_BYTES || !hasBytes(bytes, from, PLC_PREFIX)) {
    return false;
  }
  for (let i = from + PLC_PREFIX.length; i < to; i += 1) {
    const byte = bytes[i] ?? 0;
    if (!((byte >= 0x61 && byte <= 0x7a) || (byte >= 0x32 && byte <= 0x37))) {
      return false;
    }
  }
  return true;
}

export function isHandle(text: string): boolean {
  return text.length <= MAX_HANDLE_CHARS && HANDLE.test(text);
}

export function isNsid(text: string): boolean {
  return text.length <= MAX_NSID_CHARS && NSID.test(text);
}

export function isRkey(text: string): boolean {
  return text.length <= MAX_RKEY_CHARS && RKEY.test(text) && text !== "." && text !== "..";
}

/** Character code → 1 where a record key may have it. */
const RKEY_CODES = new Uint8Array(256);
for (const code of ascii("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:~-")) {
  RKEY_CODES[code] = 1;
}
const DOT = 0x2e;

/** `isRkey` of the bytes in place. */
export function isRkeyAt(bytes: Uint8Array, from: number, to: number): boolean {
  const length = to - from;
  const isDots = bytes[from] === DOT && (length === 1 || (length === 2 && bytes[from + 1] === DOT));
  if (length < 1 || length > MAX_RKEY_CHARS || isDots) {
    return false;
  }
  for (let i = from; i < to; i += 1) {
    if (RKEY_CODES[bytes[i] ?? 0] !== 1) {
      return false;
    }
  }
  return true;
}

export interface RecordUri {
  readonly authority: string;
  readonly collection: string;
  readonly rkey: string;
}

/** The parts of `at://did/collection/rkey`, the form in which records name records; undefined for any other text, handles as authority included. */
export function parseAtUri(text: string): RecordUri | undefined {
  if (!text.startsWith("at://did:")) {
    return undefined;
  }
  const collectionAt = text.indexOf("/", 5) + 1;
  const rkeyAt = text.indexOf("/", collectionAt) + 1;
  if (collectionAt === 0 || rkeyAt === 0) {
    return undefined;
  }
  const authority = text.slice(5, collectionAt - 1);
  const collection = text.slice(collectionAt, rkeyAt - 1);
  const rkey = text.slice(rkeyAt);
  return isDid(authority) && isNsid(collection) && isRkey(rkey) ? { authority, collection, rkey } : undefined;
}

/**
 * A datetime of the data model (RFC 3339 and ISO 8601 at once, with a time zone) → Unix milliseconds, what is finer cut off;
 * undefined for anything else: days that a month has not, second 60, offset −00:00, times before year 0.
 */
export function parseDatetimeMs(text: string): number | undefined {
  return plainDatetimeMs(text) ?? parseAnyDatetimeMs(text);
}

const PLAIN_DATETIME_CHARS = 24;
const scratch = new Uint8Array(PLAIN_DATETIME_CHARS);

function plainDatetimeMs(text: string): number | undefined {
  if (text.length !== PLAIN_DATETIME_CHARS) {
    return undefined;
  }
  for (let i = 0; i < PLAIN_DATETIME_CHARS; i += 1) {
    scratch[i] = text.charCodeAt(i) > 0x7f ? 0 : text.charCodeAt(i);
  }
  return plainDatetimeMsAt(scratch, 0, PLAIN_DATETIME_CHARS);
}

/** The form that nearly all have, `2026-07-04T14:38:08.999Z`, in place and without a pattern; undefined for every other, right or wrong. */
export function plainDatetimeMsAt(bytes: Uint8Array, at: number, to: number): number | undefined {
  if (to - at !== PLAIN_DATETIME_CHARS) {
    return undefined;
  }
  const signs = bytes[at + 4] === 0x2d && bytes[at + 7] === 0x2d && bytes[at + 10] === 0x54;
  if (
    !signs ||
    bytes[at + 13] !== 0x3a ||
    bytes[at + 16] !== 0x3a ||
    bytes[at + 19] !== 0x2e ||
    bytes[at + 23] !== 0x5a
  ) {
    return undefined;
  }
  const hour = twoDigits(bytes, at + 11);
  const minute = twoDigits(bytes, at + 14);
  const second = twoDigits(bytes, at + 17);
  const ms = twoDigits(bytes, at + 20) * 10 + (twoDigits(bytes, at + 21) % 10);
  const year = twoDigits(bytes, at) * 100 + twoDigits(bytes, at + 2);
  const day = daysSinceEpoch(year, twoDigits(bytes, at + 5), twoDigits(bytes, at + 8));
  const known = hour < 24 && minute < 60 && second < 60 && ms < 1000 && day !== undefined;
  return known ? (((day * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms : undefined;
}

/** The number in two digits; NaN, which no comparison lets pass, where they are none. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] ?? 0) - 0x30;
  const ones = (bytes[at + 1] ?? 0) - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

function parseAnyDatetimeMs(text: string): number | undefined {
  const match = DATETIME.exec(text);
  if (match === null) {
    return undefined;
  }
  const [, year, month, day, hour, minute, second, fraction = "", sign, zoneHour = "0", zoneMinute = "0"] = match;
  const offsetMinutes = zoneOffsetMinutes(sign, Number(zoneHour), Number(zoneMinute));
  const dayNumber = daysSinceEpoch(Number(year), Number(month), Number(day));
  if (offsetMinutes === undefined || dayNumber === undefined) {
    return undefined;
  }
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) {
    return undefined;
  }
  const minutes = dayNumber * 1440 + Number(hour) * 60 + Number(minute) - offsetMinutes;
  const ms = (minutes * 60 + Number(second)) * 1000 + Number(fraction.padEnd(3, "0").slice(0, 3));
  return ms < FIRST_MS ? undefined : ms;
}

/** 0000-01-01T00:00:00Z. */
const FIRST_MS = -62_167_219_200_000;

function zoneOffsetMinutes(sign: string | undefined, hour: number, minute: number): number | undefined {
  const minutes = hour * 60 + minute;
  if (hour > 23 || minute > 59 || (sign === "-" && minutes === 0)) {
    return undefined;
  }
  return sign === "-" ? -minutes : minutes;
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days from 1970-01-01 in the Gregorian calendar, undefined for a day that does not exist. */
export function daysSinceEpoch(year: number, month: number, day: number): number | undefined {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = (MONTH_DAYS[month - 1] ?? 0) + (isLeap && month === 2 ? 1 : 0);
  if (!(day >= 1 && day <= days && year >= 0)) {
    return undefined;
  }
  // Years are counted from March, so that the leap day comes last; an era is 400 years.
  const y = month > 2 ? year : year - 1;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

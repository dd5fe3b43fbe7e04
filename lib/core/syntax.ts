/** Syntax of the protocol's identifiers and datetimes. Sources: the specifications of DID, handle, NSID, record key, AT URI and the data model. */

import { MAX_DID_CHARS, MAX_HANDLE_CHARS, MAX_NSID_CHARS, MAX_RKEY_CHARS } from "./limits.ts";

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

export function isHandle(text: string): boolean {
  return text.length <= MAX_HANDLE_CHARS && HANDLE.test(text);
}

export function isNsid(text: string): boolean {
  return text.length <= MAX_NSID_CHARS && NSID.test(text);
}

export function isRkey(text: string): boolean {
  return text.length <= MAX_RKEY_CHARS && RKEY.test(text) && text !== "." && text !== "..";
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
  return parsePlainDatetimeMs(text) ?? parseAnyDatetimeMs(text);
}

/** The form that nearly all have, `2026-07-04T14:38:08.999Z`, without a pattern; undefined for every other, right or wrong. */
function parsePlainDatetimeMs(text: string): number | undefined {
  if (text.length !== 24 || text.charCodeAt(23) !== 0x5a || text.charCodeAt(19) !== 0x2e) {
    return undefined;
  }
  const signs = text.charCodeAt(4) === 0x2d && text.charCodeAt(7) === 0x2d && text.charCodeAt(10) === 0x54;
  if (!signs || text.charCodeAt(13) !== 0x3a || text.charCodeAt(16) !== 0x3a) {
    return undefined;
  }
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  const ms = twoDigits(text, 20) * 10 + (twoDigits(text, 21) % 10);
  const day = daysSinceEpoch(twoDigits(text, 0) * 100 + twoDigits(text, 2), twoDigits(text, 5), twoDigits(text, 8));
  const known = hour < 24 && minute < 60 && second < 60 && ms < 1000 && day !== undefined;
  return known ? (((day * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms : undefined;
}

/** The number in two digits; NaN, which no comparison lets pass, where they are none. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 0x30;
  const ones = text.charCodeAt(at + 1) - 0x30;
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
function daysSinceEpoch(year: number, month: number, day: number): number | undefined {
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

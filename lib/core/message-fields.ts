/** What all numbered messages have in common, and the words for what is wrong with them. */

import type { CborReader } from "./cbor-reader.ts";
import type { Message, RejectedEvent, RejectReason } from "./event.ts";
import { FUTURE_REV_TOLERANCE_MS, MAX_SHOWN_CHARS } from "./limits.ts";
import { isDid, isPlcDidAt, parseDatetimeMs, plainDatetimeMsAt } from "./syntax.ts";
import { readTid, TID_CHARS, tidTimeMs } from "./tid.ts";
import { latin1 } from "./utf8.ts";

export interface Complaint {
  readonly reason: RejectReason;
  readonly detail: string;
}

/** Filled while the body is read, in whatever order its fields come. */
export interface Envelope {
  /** 0 where there is none or no valid one. */
  seq: number;
  /** Empty where there is none or no valid one. */
  did: string;
  /** Where its bytes stand in the frame. */
  didAt: number;
  timeMs: number | null;
  /** The first thing found wrong: the event is rejected, but read to its end, since malformed bytes count for more. */
  complaint: Complaint | null;
}

/** Notes what is wrong. The first complaint counts. */
export function complain(envelope: Envelope, reason: RejectReason, detail: string): void {
  envelope.complaint ??= { reason, detail };
}

/** Reads `seq`, `time` and, under the name it has there, the account's DID. */
export function readEnvelopeField(reader: CborReader, key: string, envelope: Envelope, didKey: "did" | "repo"): void {
  if (key === "seq") {
    envelope.seq = reader.tryUint() ?? 0;
  } else if (key === "time") {
    readTime(reader, envelope);
  } else if (key === didKey) {
    readDid(reader, key, envelope);
  }
}

// What nearly all messages have is recognised in place. It is ASCII, so that only other texts need to be checked as UTF-8.

/** Shown and never compared: a time that is none rejects nothing. */
function readTime(reader: CborReader, envelope: Envelope): void {
  const from = reader.tryUncheckedText();
  if (from !== undefined) {
    envelope.timeMs =
      plainDatetimeMsAt(reader.bytes, from, reader.at) ?? parseDatetimeMs(reader.textFrom(from)) ?? null;
  }
}

function readDid(reader: CborReader, key: string, envelope: Envelope): void {
  const from = reader.tryUncheckedText();
  if (from === undefined) {
    complain(envelope, "broken-envelope", `${key} is not a did`);
  } else if (isPlcDidAt(reader.bytes, from, reader.at)) {
    envelope.did = latin1(reader.bytes, from, reader.at);
    envelope.didAt = from;
  } else {
    readOtherDid(reader, key, envelope, from);
  }
}

function readOtherDid(reader: CborReader, key: string, envelope: Envelope, from: number): void {
  const text = reader.textFrom(from);
  if (isDid(text)) {
    envelope.did = text;
    envelope.didAt = from;
  } else {
    complain(envelope, "broken-envelope", `${key} is not a did: ${quoted(text)}`);
  }
}

/** A TID field: its integer, or undefined where the value is something else, which is then told. */
export function readTidField(reader: CborReader, key: string, envelope: Envelope): bigint | undefined {
  const from = reader.tryUncheckedText();
  const tid = from !== undefined && reader.at - from === TID_CHARS ? readTid(reader.bytes, from) : undefined;
  if (tid === undefined) {
    if (from !== undefined) {
      reader.textFrom(from);
    }
    complain(envelope, "broken-envelope", `${key} is not a tid`);
  }
  return tid;
}

/** Complaint about a rev that the clock at the time of receipt forbids; null for all others. */
export function futureRev(rev: bigint, receivedAtMs: number): Complaint | null {
  const aheadMs = tidTimeMs(rev) - receivedAtMs;
  return aheadMs > FUTURE_REV_TOLERANCE_MS
    ? { reason: "future-rev", detail: `rev is ${Math.round(aheadMs / 1000)} s ahead of the time of receipt` }
    : null;
}

export function rejected(
  envelope: Envelope,
  { reason, detail }: Complaint,
  { rawFrame, receivedAtMs }: { rawFrame: Uint8Array; receivedAtMs: number },
): Message {
  const { seq, did, timeMs } = envelope;
  const event: RejectedEvent = { kind: "rejected", seq, did, timeMs, receivedAtMs, reason, detail, rawFrame };
  return { kind: "event", event };
}

/** A text as it is shown: cut, and without U+0000, which Postgres takes in no text. */
export function shown(text: string, maxChars: number = MAX_SHOWN_CHARS): string {
  return text.slice(0, maxChars).toWellFormed().replaceAll("\0", "\uFFFD");
}

/** A text inside a sentence. */
export function quoted(text: string): string {
  return JSON.stringify(shown(text, 80));
}

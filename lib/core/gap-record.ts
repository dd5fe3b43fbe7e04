/** A span that may be missing, as a record of the stream beside the packs: to bytes and back. Bytes: docs/formats.md. */
import { crc32 } from "node:zlib";
import { ByteFault, type ByteFaultReason, ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { Gap, GapReason } from "./cursor.ts";

export interface GapFault {
  readonly ok: false;
  readonly reason: ByteFaultReason | "bad-magic" | "unknown-version" | "crc-mismatch" | "bad-gap" | "trailing-bytes";
  readonly offset: number;
}

export type GapResult = { readonly ok: true; readonly gap: Gap } | GapFault;

/** "SPG" and 0x1A. */
const MAGIC = [0x53, 0x50, 0x47, 0x1a] as const;
const VERSION = 1;
/** Magic, version, checksum. */
const PREFIX_BYTES = 9;
const MAX_INT4 = 2 ** 31 - 1;

/** Codes stay as they are; a new reason gets the next. */
const CODES: Readonly<Record<GapReason, number>> = {
  "outdated-cursor": 0,
  "relay-switch": 1,
  "new-epoch": 2,
  "missing-pack": 3,
  "stream-lost": 4,
};
const REASONS = new Map(Object.entries(CODES).map(([reason, code]) => [code, reason as GapReason]));

/** Whether a record tells of a gap instead of holding a pack. */
export function isGapRecord(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, index) => bytes[index] === byte);
}

export function encodeGap(gap: Gap): Uint8Array {
  const out = new ByteWriter(256);
  // Three bytes a character at the most; the rest are numbers.
  out.reserve(256 + 3 * (gap.relay.length + gap.detail.length));
  for (const byte of MAGIC) out.byte(byte);
  out.byte(VERSION);
  out.u32(0);
  out.byte(CODES[gap.reason]);
  out.text(gap.relay);
  out.varint(gap.epoch);
  for (const value of [gap.afterSeq, gap.beforeSeq, gap.fromTimeMs, gap.toTimeMs]) writeOptional(out, value);
  out.text(gap.detail);
  const bytes = out.copy();
  new DataView(bytes.buffer).setUint32(PREFIX_BYTES - 4, crc32(bytes.subarray(PREFIX_BYTES)), true);
  return bytes;
}

/** The gap of `encodeGap`'s bytes. Anything else is refused with reason and place. */
export function decodeGap(bytes: Uint8Array): GapResult {
  const from = new ByteReader(bytes);
  try {
    for (const byte of MAGIC) {
      if (from.byte() !== byte) return fault("bad-magic", from.offset - 1);
    }
    if (from.byte() !== VERSION) return fault("unknown-version", from.offset - 1);
    if (from.u32() !== crc32(bytes.subarray(PREFIX_BYTES))) return fault("crc-mismatch", PREFIX_BYTES - 4);
    const gap = readGap(from);
    if (gap === null) return fault("bad-gap", PREFIX_BYTES);
    return from.remaining > 0 ? fault("trailing-bytes", from.offset) : { ok: true, gap };
  } catch (error) {
    if (error instanceof ByteFault) return fault(error.reason, error.offset);
    throw error;
  }
}

/** Null where a field is more than the ledger can hold. Throws ByteFault. */
function readGap(from: ByteReader): Gap | null {
  const reason = REASONS.get(from.byte());
  const relay = from.text();
  const epoch = from.varint();
  const [afterSeq, beforeSeq, fromTimeMs, toTimeMs] = [
    readOptional(from),
    readOptional(from),
    readOptional(from),
    readOptional(from),
  ];
  const detail = from.text();
  if (reason === undefined || epoch > MAX_INT4) return null;
  return { reason, relay, epoch, afterSeq, beforeSeq, fromTimeMs, toTimeMs, detail };
}

/** 0 where it is not known, and otherwise 1 and the number. Times come from senders: they have any sign. */
function writeOptional(out: ByteWriter, value: number | null): void {
  out.byte(value === null ? 0 : 1);
  if (value !== null) out.signed(Math.trunc(value));
}

function readOptional(from: ByteReader): number | null {
  const isThere = from.byte();
  if (isThere > 1) throw new ByteFault("bad-flags", from.offset - 1);
  return isThere === 0 ? null : from.signed();
}

function fault(reason: GapFault["reason"], offset: number): GapFault {
  return { ok: false, reason, offset };
}

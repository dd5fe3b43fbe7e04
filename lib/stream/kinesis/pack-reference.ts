/** Where a pack lies that no record can hold, to a record's bytes and back. Bytes: docs/formats.md. */
import { crc32 } from "node:zlib";
import { ByteFault, type ByteFaultReason, ByteReader } from "../../core/byte-reader.ts";
import { ByteWriter } from "../../core/byte-writer.ts";
import { type PackHeader, readPackHeader, writePackHeader } from "../../core/pack.ts";

export interface PackReference {
  /** As in the pack itself, so that its place is known also where the object is not there any more. */
  readonly header: PackHeader;
  /** Of the object in the bucket of the deployment. The bucket is a setting: a record cannot send a reader elsewhere. */
  readonly key: string;
  /** SHA-256 of the object, and its bytes. */
  readonly digest: Uint8Array;
  readonly byteLength: number;
}

export interface ReferenceFault {
  readonly ok: false;
  readonly reason: ByteFaultReason | "bad-magic" | "unknown-version" | "crc-mismatch" | "bad-header" | "trailing-bytes";
  readonly offset: number;
}

export type ReferenceResult = { readonly ok: true; readonly reference: PackReference } | ReferenceFault;

/** "SPR" and 0x1A. */
const MAGIC = [0x53, 0x50, 0x52, 0x1a] as const;
const VERSION = 1;
/** Magic, version, checksum. */
const PREFIX_BYTES = 9;
const CHECKED_FROM = PREFIX_BYTES;

/** Whether a record holds a reference instead of a pack. */
export function isPackReference(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, index) => bytes[index] === byte);
}

export function encodePackReference({ header, key, digest, byteLength }: PackReference): Uint8Array {
  const out = new ByteWriter(256);
  // Three bytes a character at the most; the rest are numbers, a digest and lengths.
  out.reserve(256 + 3 * (header.relay.length + key.length));
  for (const byte of MAGIC) out.byte(byte);
  out.byte(VERSION);
  out.u32(0);
  writePackHeader(out, header);
  out.text(key);
  out.digest(digest);
  out.varint(byteLength);
  const bytes = out.copy();
  new DataView(bytes.buffer).setUint32(CHECKED_FROM - 4, crc32(bytes.subarray(CHECKED_FROM)), true);
  return bytes;
}

export function decodePackReference(bytes: Uint8Array): ReferenceResult {
  const from = new ByteReader(bytes);
  try {
    for (const byte of MAGIC) {
      if (from.byte() !== byte) return fault("bad-magic", from.offset - 1);
    }
    if (from.byte() !== VERSION) return fault("unknown-version", from.offset - 1);
    if (from.u32() !== crc32(bytes.subarray(CHECKED_FROM))) return fault("crc-mismatch", CHECKED_FROM - 4);
    const header = readPackHeader(from);
    const key = from.text();
    const digest = from.digest();
    const byteLength = from.varint();
    if (from.remaining > 0) return fault("trailing-bytes", from.offset);
    if (header === null) return fault("bad-header", CHECKED_FROM);
    return { ok: true, reference: { header, key, digest, byteLength } };
  } catch (error) {
    if (error instanceof ByteFault) return fault(error.reason, error.offset);
    throw error;
  }
}

function fault(reason: ReferenceFault["reason"], offset: number): ReferenceFault {
  return { ok: false, reason, offset };
}

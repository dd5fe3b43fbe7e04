/** CIDs. Inside the program a record's CID is its 32-byte digest; text and other kinds of CID are made only where a person or JSON wants them. */

import { hash } from "node:crypto";
import { fromBase32, toBase32 } from "./base32.ts";
import type { Digest } from "./event.ts";
import { MAX_CID_BYTES } from "./limits.ts";
import { readVarint, varintLength } from "./varint.ts";

/** Multicodec codes of what a CID names. */
export const DAG_CBOR = 0x71;
export const RAW = 0x55;
const SHA2_256 = 0x12;

export const DIGEST_BYTES = 32;

/** See `DigestPrefix`. */
export const DIGEST_PREFIX_BYTES = 16;

/** What stands before the digest of every record, commit and tree node: version 1, DAG-CBOR, sha-256, 32 bytes. */
export const CID_PREFIX: Uint8Array = Uint8Array.of(1, DAG_CBOR, SHA2_256, DIGEST_BYTES);

export const CID_PREFIX_BYTES = 4;

const CID_PREFIX_INT32 = int32At(CID_PREFIX, 0);

/** Four bytes as one integer, to compare them at once. */
export function int32At(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

/** Bytes of a CID with such a prefix. */
export const CID_BYTES = CID_PREFIX_BYTES + DIGEST_BYTES;

/** Digest → text of its CID (`bafyrei…` for DAG-CBOR). */
export function cidText(digest: Digest, codec: number = DAG_CBOR): string {
  const bytes = new Uint8Array(CID_BYTES);
  bytes.set(CID_PREFIX);
  bytes[1] = codec;
  bytes.set(digest, CID_PREFIX_BYTES);
  return `b${toBase32(bytes)}`;
}

/** Text of a DAG-CBOR or raw CID with sha-256 in base32 → codec and digest; undefined for any other text. */
export function parseCidText(text: string): { codec: number; digest: Digest } | undefined {
  if (text.length !== 59 || text.charCodeAt(0) !== 0x62) {
    return undefined;
  }
  const bytes = fromBase32(text, 1);
  if (bytes === undefined || bytes[0] !== 1 || bytes[2] !== SHA2_256 || bytes[3] !== DIGEST_BYTES) {
    return undefined;
  }
  const codec = bytes[1];
  return codec === DAG_CBOR || codec === RAW ? { codec, digest: bytes.subarray(CID_PREFIX_BYTES) } : undefined;
}

/**
 * Where the CID that starts at `from` ends, or −1 where none does before `to`: version 1 with any codec and hash, a digest as long
 * as it says, 100 bytes at the most.
 */
export function readCidBytes(bytes: Uint8Array, from: number, to: number): number {
  if (isRecordCid(bytes, from, to)) {
    return from + CID_BYTES;
  }
  let at = from;
  let value = readVarint(bytes, at, to);
  if (value !== 1) {
    return -1;
  }
  // After the version: codec, hash function, length of the digest.
  for (let i = 0; i < 3; i += 1) {
    at += varintLength(value);
    value = readVarint(bytes, at, to);
    if (value < 0) {
      return -1;
    }
  }
  const end = at + varintLength(value) + value;
  return end <= to && end - from <= MAX_CID_BYTES ? end : -1;
}

/** Whether a CID of the only kind that records, commits and tree nodes have (36 bytes, DAG-CBOR, sha-256) starts at `at`. */
export function isRecordCid(bytes: Uint8Array, at: number, to: number): boolean {
  return to - at >= CID_BYTES && int32At(bytes, at) === CID_PREFIX_INT32;
}

/** Whether two digests are the same 32 bytes. */
export function sameDigest(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean {
  for (let i = 0; i < DIGEST_BYTES; i += 1) {
    if (a[aAt + i] !== b[bAt + i]) {
      return false;
    }
  }
  return true;
}

/** Whether `block` hashes to the 32 bytes of `bytes` at `at`. The hash comes as text of one character a byte: half the time of a buffer. */
export function hashesTo(block: Uint8Array, bytes: Uint8Array, at = 0): boolean {
  const digest = hash("sha256", block, "binary");
  for (let i = 0; i < DIGEST_BYTES; i += 1) {
    if (digest.charCodeAt(i) !== bytes[at + i]) {
      return false;
    }
  }
  return true;
}

/** sha-256 of a block. */
export function digestOf(block: Uint8Array): Digest {
  const text = hash("sha256", block, "binary");
  const digest = new Uint8Array(DIGEST_BYTES);
  for (let i = 0; i < DIGEST_BYTES; i += 1) {
    digest[i] = text.charCodeAt(i);
  }
  return digest;
}

/** A link inside a record: any CID, its bytes as they stood there (without the zero byte that DAG-CBOR puts before). */
export class CidLink {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Text in base32, as JSON shows it. */
  get text(): string {
    return `b${toBase32(this.bytes)}`;
  }

  /** The digest where this is the CID of a record (DAG-CBOR, sha-256), otherwise undefined. */
  get recordDigest(): Digest | undefined {
    const { bytes } = this;
    return bytes.length === CID_BYTES && isRecordCid(bytes, 0, CID_BYTES)
      ? bytes.subarray(CID_PREFIX_BYTES)
      : undefined;
  }

  /** Text in base32 of any well-formed CID → link; undefined for any other text. */
  static parse(text: string): CidLink | undefined {
    if (text.charCodeAt(0) !== 0x62 || text.length > MAX_CID_BYTES * 2) {
      return undefined;
    }
    const bytes = fromBase32(text, 1);
    return bytes !== undefined && readCidBytes(bytes, 0, bytes.length) === bytes.length
      ? new CidLink(bytes)
      : undefined;
  }
}

/** Pack: many events of one lane behind a versioned header, the unit that streams carry. Bytes: docs/formats.md. */
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { ByteFault, ByteReader } from "./byte-reader.ts";
import { ByteWriter, MAX_VARINT_BYTES } from "./byte-writer.ts";
import type { FirehoseEvent } from "./event.ts";
import { figuresOffset, readHalves } from "./pack-body.ts";
import type { EnvelopeFaultReason, EnvelopeLimits } from "./pack-envelope.ts";
import { newContext } from "./pack-envelope-layout.ts";
import { readEnvelope } from "./pack-envelope-read.ts";

export interface PackHeader {
  /** 0 … lanes−1. Everything of one DID is in one lane, in order. */
  readonly lane: number;
  /** A constant of the deployment, checked by every reader. */
  readonly lanes: number;
  /** Host of the relay whose numbering `firstSeq` and `lastSeq` belong to, and its epoch. */
  readonly relay: string;
  readonly epoch: number;
  /** Which ingester wrote it, and the how manieth pack of this lane under that fence it is, from 1 without gaps. */
  readonly fence: number;
  readonly number: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Events in the body. */
  readonly count: number;
}

export interface Pack {
  readonly header: PackHeader;
  /** The envelopes in their two halves, not compressed; `encodePack` compresses the words for streams that carry bytes. */
  readonly body: Uint8Array;
  /** Set by readers of streams whose place is kept in the database; no stream carries it. */
  readonly source?: PackSource;
}

/** Where in a stream a pack was read, and under which right. */
export interface PackSource {
  /** Key of the stream. */
  readonly stream: string;
  /** Of the lease under which it was read: the transaction of a reader that was replaced is refused. */
  readonly fence: number;
  /** The last entry in it. */
  readonly entry: EntryId;
  /** Its events do not say their order: their place in the stream does, and their reader has left out repeats. */
  readonly byArrival: boolean;
  /** Delivered so often that it is worked event by event. */
  readonly isSuspect: boolean;
}

/** Id of an entry: Unix milliseconds, and a number within them. */
export interface EntryId {
  readonly ms: number;
  readonly n: number;
}

export interface PackLimits extends EnvelopeLimits {
  /** Of the body, inflated. */
  readonly maxBodyBytes: number;
}

/**
 * What a reader takes. The writer stays below: it seals at 65,536 events or 768 KiB, so the longest body is that and one event
 * more (a frame of 5 MB kept whole beside the 2 MB of its records), and 768 KiB cannot hold 262,144 ops of three bytes.
 */
export const PACK_LIMITS: PackLimits = {
  maxEvents: 65_536,
  maxOps: 262_144,
  maxBodyBytes: 16 * 1024 * 1024,
};

/** Longest body at which a writer must seal; see PACK_LIMITS. */
export const MAX_SEAL_BYTES = 768 * 1024;

export type PackFaultReason =
  | EnvelopeFaultReason
  | "bad-magic"
  | "unknown-version"
  | "unknown-codec"
  | "crc-mismatch"
  /** A field of the header says something impossible. */
  | "bad-header"
  /** The compressed body cannot be inflated, or to another length than the header says. */
  | "bad-body"
  /** The events are others than the header says. */
  | "header-mismatch";

/** Where reading went wrong; `offset` counts from the start of the bytes given. */
export interface PackFault {
  readonly ok: false;
  readonly reason: PackFaultReason;
  readonly offset: number;
}

export type PackResult = { readonly ok: true; readonly pack: Pack } | PackFault;
export type EventsResult = { readonly ok: true; readonly events: FirehoseEvent[] } | PackFault;

/** "SPK" and 0x1A, which ends a text where somebody prints it. */
const MAGIC = [0x53, 0x50, 0x4b, 0x1a] as const;
const VERSION = 2;
const CODEC_ZSTD = 1;
/** Magic, version, codec, checksum. */
const PREFIX_BYTES = 10;
const CHECKED_FROM = PREFIX_BYTES;
/** A host name has at most 253 characters, and a port follows. */
const MAX_RELAY_BYTES = 300;
/** 2^24: no window is longer than the longest body. */
const MAX_WINDOW_LOG = 24;
const MAX_INT4 = 2 ** 31 - 1;

/**
 * Bytes for streams that carry bytes: header, checksum, the words of the body at zstd level 1, its figures as they are. A body that
 * is none, as in the dead letter of a pack that could not be read, is taken for words.
 */
export function encodePack(pack: Pack): Uint8Array {
  const { header, body } = pack;
  const words = body.subarray(0, figuresOffset(body));
  const stored = zstdCompressSync(words, {
    chunkSize: Math.max(1024, words.length),
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  });
  const figures = body.subarray(words.length);
  const out = new ByteWriter(256);
  out.reserve(PREFIX_BYTES + 11 * MAX_VARINT_BYTES + header.relay.length * 3 + stored.length + figures.length);
  for (const byte of MAGIC) out.byte(byte);
  out.byte(VERSION);
  out.byte(CODEC_ZSTD);
  out.u32(0);
  writePackHeader(out, header);
  out.varint(words.length);
  out.block(stored);
  out.block(figures);
  const bytes = out.copy();
  new DataView(bytes.buffer).setUint32(CHECKED_FROM - 4, crc32(bytes.subarray(CHECKED_FROM)), true);
  return bytes;
}

/** The pack of `encodePack`'s bytes. Anything else, one byte more or less included, is refused with reason and place. */
export function decodePack(bytes: Uint8Array, limits: PackLimits = PACK_LIMITS): PackResult {
  const from = new ByteReader(bytes);
  try {
    const prefixFault = readPrefix(from);
    if (prefixFault !== null) return fault(prefixFault, Math.max(0, from.offset - 1));
    const sum = from.u32();
    if (crc32(bytes.subarray(CHECKED_FROM)) !== sum) return fault("crc-mismatch", CHECKED_FROM - 4);
    const header = readPackHeader(from);
    const wordsAt = from.offset;
    const wordsLength = from.varint();
    if (header === null) return fault("bad-header", CHECKED_FROM);
    const stored = from.block();
    const figures = from.block();
    if (wordsLength + figures.length > limits.maxBodyBytes) return fault("over-limit", wordsAt);
    if (header.count > limits.maxEvents) return fault("over-limit", wordsAt);
    if (from.remaining > 0) return fault("trailing-bytes", from.offset);
    const words = inflate(stored, wordsLength);
    const body = words === null ? null : joined(words, figures);
    return body === null ? fault("bad-body", wordsAt) : { ok: true, pack: { header, body } };
  } catch (error) {
    if (error instanceof ByteFault) return fault(error.reason, error.offset);
    throw error;
  }
}

/**
 * The events of a body, in order. Their digests, records and frames are views of it: who keeps one of them keeps the body.
 * A body that is damaged anywhere gives no events, only the place.
 */
export function readEnvelopes(body: Uint8Array, limits: EnvelopeLimits = PACK_LIMITS): EventsResult {
  const context = newContext();
  const events: FirehoseEvent[] = [];
  let maxOps = limits.maxOps;
  try {
    const from = readHalves(body);
    const { words, figures } = from;
    while (words.remaining > 0) {
      if (events.length === limits.maxEvents) return fault("over-limit", words.offset);
      const event = readEnvelope(from, context, maxOps);
      if (event.kind === "commit") maxOps -= event.ops.length;
      events.push(event);
    }
    return figures.remaining > 0 ? fault("trailing-bytes", figures.offset) : { ok: true, events };
  } catch (error) {
    if (error instanceof ByteFault) return fault(error.reason, error.offset);
    throw error;
  }
}

/** The events of a pack, compared with what its header says of them. */
export function readPack(pack: Pack, limits: EnvelopeLimits = PACK_LIMITS): EventsResult {
  const result = readEnvelopes(pack.body, limits);
  if (!result.ok) return result;
  const { count, firstSeq, lastSeq } = pack.header;
  const { events } = result;
  const agrees = events.length === count && events[0]?.seq === firstSeq && events.at(-1)?.seq === lastSeq;
  return agrees ? result : fault("header-mismatch", 0);
}

function fault(reason: PackFaultReason, offset: number): PackFault {
  return { ok: false, reason, offset };
}

function readPrefix(from: ByteReader): PackFaultReason | null {
  for (const byte of MAGIC) {
    if (from.byte() !== byte) return "bad-magic";
  }
  if (from.byte() !== VERSION) return "unknown-version";
  if (from.byte() !== CODEC_ZSTD) return "unknown-codec";
  return null;
}

/** The header as it stands in a pack, and in a reference to one. */
export function writePackHeader(out: ByteWriter, header: PackHeader): void {
  out.varint(header.lane);
  out.varint(header.lanes);
  out.varint(header.epoch);
  out.varint(header.fence);
  out.varint(header.number);
  out.varint(header.firstSeq);
  out.varint(header.lastSeq);
  out.varint(header.count);
  out.text(header.relay);
}

/** The header's fields in the order of writing; null where they contradict one another or are more than any pack has. Throws ByteFault. */
export function readPackHeader(from: ByteReader): PackHeader | null {
  const lane = from.varint();
  const lanes = from.varint();
  const epoch = from.varint();
  const fence = from.varint();
  const number = from.varint();
  const firstSeq = from.varint();
  const lastSeq = from.varint();
  const count = from.varint();
  const relayAt = from.offset;
  const relay = from.text();
  // The database has these two as int4.
  const fits = lane <= MAX_INT4 && epoch <= MAX_INT4;
  const possible = fits && lane < lanes && number > 0 && count > 0 && lastSeq >= firstSeq;
  if (!possible || from.offset - relayAt > MAX_RELAY_BYTES) return null;
  return { lane, lanes, relay, epoch, fence, number, firstSeq, lastSeq, count };
}

/** The body; null where its figures begin elsewhere than the bytes were parted, which would be a second form of the same pack. */
function joined(words: Uint8Array, figures: Uint8Array): Uint8Array | null {
  const body = new Uint8Array(words.length + figures.length);
  body.set(words);
  body.set(figures, words.length);
  return figuresOffset(body) === words.length ? body : null;
}

/** The words, if they inflate to exactly `length` bytes from exactly the bytes given; never takes more memory than that. */
function inflate(stored: Uint8Array, length: number): Uint8Array | null {
  try {
    const { buffer, engine } = inflateWithEngine(stored, length);
    return buffer.length === length && engine.bytesWritten === stored.length ? buffer : null;
  } catch {
    return null;
  }
}

/** `info: true` tells how many bytes were taken, which the types do not know: what follows a zstd frame is ignored otherwise. */
function inflateWithEngine(stored: Uint8Array, length: number): { buffer: Buffer; engine: { bytesWritten: number } } {
  const options = {
    info: true,
    chunkSize: Math.max(1024, length),
    maxOutputLength: Math.max(1, length),
    params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
  };
  const result: unknown = zstdDecompressSync(stored, options);
  return result as { buffer: Buffer; engine: { bytesWritten: number } };
}

/** CAR v1 slices, by offsets: bytes → where each block stands. Source: CAR v1 specification; limits: `limits.ts`. */

import { CborReader, plainBytes } from "./cbor-reader.ts";
import { CID_BYTES, CID_PREFIX, hashesTo, isRecordCid, readCidBytes, sameDigest } from "./cid.ts";
import { asDecoded, type Decoded } from "./dag-cbor.ts";
import { MalformedBytesError, OverLimitError } from "./errors.ts";
import { MAX_CAR_BLOCKS, MAX_CAR_HEADER_BYTES } from "./limits.ts";
import { readVarint, varintLength } from "./varint.ts";

/**
 * The blocks of one CAR as one flat list of integers, so that a commit's nine blocks cost one allocation: for each block `STRIDE`
 * numbers (see below). All offsets are into `bytes`.
 */
export interface CarBlocks {
  readonly bytes: Uint8Array;
  /** Where the digest of the first root stands; −1 where its CID is not of the kind that commits have, or there is none. */
  readonly rootAt: number;
  readonly table: number[];
}

const STRIDE = 5;
/** First four bytes of the digest as one integer (−1 for CIDs of other kinds), so that a search rarely touches the bytes. */
const TAG = 0;
const CID_AT = 1;
const BLOCK_AT = 2;
const BLOCK_END = 3;
/** Whether the block hashes to its CID, once somebody asked: no block is hashed twice, however often ops name it. */
const STATE = 4;
const UNKNOWN = 0;
const INTACT = 1;
const BROKEN = 2;

const EMPTY: number[] = [];

/** Scans `bytes` from `from` to `to`. Blocks may come in any order, twice, or be unused; their hashes are not checked here. */
export function readCar(
  bytes: Uint8Array,
  from = 0,
  to: number = bytes.length,
  maxBlocks: number = MAX_CAR_BLOCKS,
): Decoded<CarBlocks> {
  return asDecoded(() => scanCar(plainBytes(bytes), from, to, maxBlocks));
}

/** The same for callers inside this folder: throws `MalformedBytesError`. */
export function scanCar(bytes: Uint8Array, from: number, to: number, maxBlocks: number): CarBlocks {
  const headerSize = readVarint(bytes, from, to);
  const headerAt = from + varintLength(headerSize);
  if (headerSize <= 0 || headerSize > MAX_CAR_HEADER_BYTES || headerSize > to - headerAt) {
    throw new MalformedBytesError("car: no header", from);
  }
  const rootAt = readHeader(new CborReader(bytes, headerAt, headerAt + headerSize));
  return { bytes, rootAt, table: scanBlocks(bytes, headerAt + headerSize, to, maxBlocks) };
}

/** `{roots: [CID…], version: 1}` → offset of the first root's digest. */
function readHeader(reader: CborReader): number {
  let rootAt: number | undefined;
  let version: number | undefined;
  let previousAt = -1;
  for (let left = reader.tryMap() ?? reader.fail("car: header is not a map"); left > 0; left -= 1) {
    const keyAt = reader.at;
    const key = reader.key(previousAt);
    previousAt = keyAt;
    if (key === "roots") {
      rootAt = readRoots(reader);
    } else if (key === "version") {
      version = reader.tryUint();
    } else {
      reader.skip(1);
    }
  }
  if (rootAt === undefined || version !== 1 || reader.at !== reader.end) {
    reader.fail("car: header is not that of version 1");
  }
  return rootAt;
}

function readRoots(reader: CborReader): number {
  const count = reader.tryArray() ?? reader.fail("car: roots are not an array");
  let first = -1;
  for (let i = 0; i < count; i += 1) {
    const at = reader.tryLink() ?? reader.fail("car: root is not a CID");
    if (i === 0 && isRecordCid(reader.bytes, at, reader.at)) {
      first = at + CID_PREFIX.length;
    }
  }
  return first;
}

function scanBlocks(bytes: Uint8Array, from: number, to: number, maxBlocks: number): number[] {
  if (from === to) {
    return EMPTY;
  }
  const table: number[] = [];
  for (let at = from; at < to; ) {
    const size = readVarint(bytes, at, to);
    const cidAt = at + varintLength(size);
    const end = cidAt + size;
    if (size <= 0 || end > to) {
      throw new MalformedBytesError("car: block is cut short", at);
    }
    if (isRecordCid(bytes, cidAt, end)) {
      table.push(tagAt(bytes, cidAt + CID_PREFIX.length), cidAt, cidAt + CID_BYTES, end, UNKNOWN);
    } else {
      const cidEnd = readCidBytes(bytes, cidAt, end);
      if (cidEnd < 0) {
        throw new MalformedBytesError("car: block without a CID", cidAt);
      }
      table.push(-1, cidAt, cidEnd, end, UNKNOWN);
    }
    if (table.length > maxBlocks * STRIDE) {
      throw new OverLimitError(`car: more than ${maxBlocks} blocks`, at);
    }
    at = end;
  }
  return table;
}

function tagAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

/** Index of the first block with this digest (32 bytes of `digest` at `digestAt`) at or after index `from`; −1 where there is none. */
export function findBlock(blocks: CarBlocks, digest: Uint8Array, digestAt = 0, from = 0): number {
  const { bytes, table } = blocks;
  const tag = tagAt(digest, digestAt);
  for (let i = from; i < table.length; i += STRIDE) {
    if (table[i + TAG] === tag && isBlockOf(bytes, table, i, digest, digestAt)) {
      return i;
    }
  }
  return -1;
}

function isBlockOf(bytes: Uint8Array, table: number[], index: number, digest: Uint8Array, digestAt: number): boolean {
  const cidAt = table[index + CID_AT] ?? 0;
  return (
    isRecordCid(bytes, cidAt, table[index + BLOCK_AT] ?? 0) &&
    sameDigest(bytes, cidAt + CID_PREFIX.length, digest, digestAt)
  );
}

/** What `findIntactBlock` gives where no block has the digest, and where none that claims to have it does. */
export const NO_BLOCK = -1;
export const NO_INTACT_BLOCK = -2;

/** Index of the first block that really hashes to this digest: where a CAR holds several, the others do no harm. */
export function findIntactBlock(blocks: CarBlocks, digest: Uint8Array, digestAt = 0): number {
  let found = NO_BLOCK;
  let index = findBlock(blocks, digest, digestAt);
  while (index >= 0) {
    if (isIntact(blocks, index)) {
      return index;
    }
    found = NO_INTACT_BLOCK;
    index = findBlock(blocks, digest, digestAt, index + STRIDE);
  }
  return found;
}

function isIntact(blocks: CarBlocks, index: number): boolean {
  const { bytes, table } = blocks;
  if (table[index + STATE] === UNKNOWN) {
    const digestAt = (table[index + CID_AT] ?? 0) + CID_PREFIX.length;
    table[index + STATE] = hashesTo(blockAt(blocks, index), bytes, digestAt) ? INTACT : BROKEN;
  }
  return table[index + STATE] === INTACT;
}

/** The block at an index that `findBlock` or `findIntactBlock` gave, as a view. */
export function blockAt({ bytes, table }: CarBlocks, index: number): Uint8Array {
  return bytes.subarray(table[index + BLOCK_AT], table[index + BLOCK_END]);
}

/** The same block for reading in place. */
export function blockReader({ bytes, table }: CarBlocks, index: number): CborReader {
  return new CborReader(bytes, table[index + BLOCK_AT], table[index + BLOCK_END]);
}

/** How many blocks there are. */
export function blockCount({ table }: CarBlocks): number {
  return table.length / STRIDE;
}

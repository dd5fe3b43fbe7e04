/** CAR v1 slices, by offsets: bytes → where each block stands. Source: CAR v1 specification; limits: `limits.ts`. */

import { CborReader, plainBytes } from "./cbor-reader.ts";
import {
  CID_BYTES,
  CID_PREFIX,
  CID_PREFIX_BYTES,
  DIGEST_BYTES,
  hashesTo,
  int32At,
  isRecordCid,
  readCidBytes,
  sameDigest,
} from "./cid.ts";
import { asDecoded, type Decoded } from "./dag-cbor.ts";
import { MalformedBytesError, OverLimitError } from "./errors.ts";
import { MAX_CAR_BLOCKS, MAX_CAR_HEADER_BYTES } from "./limits.ts";
import { ascii, hasBytes } from "./utf8.ts";
import { readVarint, varintLength } from "./varint.ts";

/** The blocks of one CAR as one flat list of integers, so that a commit's nine blocks cost no object each. All offsets are into `bytes`. */
export interface CarBlocks {
  readonly bytes: Uint8Array;
  /** Where the digest of the first root stands; −1 where its CID is not of the kind that commits have, or there is none. */
  readonly rootAt: number;
  /** Of each block whose CID is of the kind that records, commits and tree nodes have, `STRIDE` numbers (see below). No other can be asked for. */
  readonly table: BlockTable;
  /** Where the numbers end: a table that is used again may be longer. */
  readonly tableEnd: number;
  /** How many blocks there are, of whatever kind. */
  readonly count: number;
}

/** May be given to one scan after another; the blocks of the scan before are lost then. */
export type BlockTable = number[];

const STRIDE = 4;
/** First four bytes of the digest as one integer, so that a search rarely touches the bytes. */
const TAG = 0;
/** The digest ends where the block begins. */
const BLOCK_AT = 1;
const BLOCK_END = 2;
/** Whether the block hashes to its CID, once somebody asked: no block is hashed twice, however often ops name it. */
const STATE = 3;
const UNKNOWN = 0;
const INTACT = 1;
const BROKEN = 2;

/** Scans `bytes` from `from` to `to`. Blocks may come in any order, twice, or be unused; their hashes are not checked here. */
export function readCar(
  bytes: Uint8Array,
  from = 0,
  to: number = bytes.length,
  maxBlocks: number = MAX_CAR_BLOCKS,
): Decoded<CarBlocks> {
  return asDecoded(() => scanCar(plainBytes(bytes), { from, to, maxBlocks, table: [] }));
}

export interface CarScan {
  readonly from: number;
  readonly to: number;
  readonly maxBlocks: number;
  readonly table: BlockTable;
}

/** The same for callers inside this folder: throws `MalformedBytesError`. */
export function scanCar(bytes: Uint8Array, scan: CarScan): CarBlocks {
  const { from, to } = scan;
  const headerSize = readVarint(bytes, from, to);
  const headerAt = from + varintLength(headerSize);
  if (headerSize <= 0 || headerSize > MAX_CAR_HEADER_BYTES || headerSize > to - headerAt) {
    throw new MalformedBytesError("car: no header", from);
  }
  const blocksAt = headerAt + headerSize;
  const rootAt = readPlainHeader(bytes, headerAt, blocksAt) ?? readHeader(new CborReader(bytes, headerAt, blocksAt));
  return scanBlocks(bytes, rootAt, blocksAt, scan);
}

/** What stands before and after the digest in a header with the one root that a commit's CAR has. */
const BEFORE_ROOT = [0xa2, 0x65, ...ascii("roots"), 0x81, 0xd8, 0x2a, 0x58, 0x25, 0, ...CID_PREFIX];
const AFTER_ROOT = [0x67, ...ascii("version"), 0x01];
const PLAIN_HEADER_BYTES = BEFORE_ROOT.length + DIGEST_BYTES + AFTER_ROOT.length;

/** The header that nearly all have, whose bytes are known but for the digest; undefined for every other, right or wrong. */
function readPlainHeader(bytes: Uint8Array, at: number, end: number): number | undefined {
  const rootAt = at + BEFORE_ROOT.length;
  return end - at === PLAIN_HEADER_BYTES &&
    hasBytes(bytes, at, BEFORE_ROOT) &&
    hasBytes(bytes, rootAt + DIGEST_BYTES, AFTER_ROOT)
    ? rootAt
    : undefined;
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
      first = at + CID_PREFIX_BYTES;
    }
  }
  return first;
}

function scanBlocks(bytes: Uint8Array, rootAt: number, blocksAt: number, { to, maxBlocks, table }: CarScan): CarBlocks {
  let count = 0;
  let tableEnd = 0;
  for (let at = blocksAt; at < to; count += 1) {
    const size = readVarint(bytes, at, to);
    const cidAt = at + varintLength(size);
    const end = cidAt + size;
    if (size <= 0 || end > to) {
      throw new MalformedBytesError("car: block is cut short", at);
    }
    if (count === maxBlocks) {
      throw new OverLimitError(`car: more than ${maxBlocks} blocks`, at);
    }
    if (isRecordCid(bytes, cidAt, end)) {
      table[tableEnd + TAG] = int32At(bytes, cidAt + CID_PREFIX_BYTES);
      table[tableEnd + BLOCK_AT] = cidAt + CID_BYTES;
      table[tableEnd + BLOCK_END] = end;
      table[tableEnd + STATE] = UNKNOWN;
      tableEnd += STRIDE;
    } else if (readCidBytes(bytes, cidAt, end) < 0) {
      throw new MalformedBytesError("car: block without a CID", cidAt);
    }
    at = end;
  }
  return { bytes, rootAt, table, tableEnd, count };
}

/** Index of the first block with this digest (32 bytes of `digest` at `digestAt`) at or after index `from`; −1 where there is none. */
export function findBlock(blocks: CarBlocks, digest: Uint8Array, digestAt = 0, from = 0): number {
  const { bytes, table, tableEnd } = blocks;
  const tag = int32At(digest, digestAt);
  for (let i = from; i < tableEnd; i += STRIDE) {
    if (table[i + TAG] === tag && sameDigest(bytes, ownDigestAt(table, i), digest, digestAt)) {
      return i;
    }
  }
  return -1;
}

function ownDigestAt(table: BlockTable, index: number): number {
  return (table[index + BLOCK_AT] ?? 0) - DIGEST_BYTES;
}

/** What `findIntactBlock` gives where no block has the digest, and where none that claims to have it does. */
export const NO_BLOCK = -1;
export const NO_INTACT_BLOCK = -2;

/** Index of the first block that really hashes to this digest: where a CAR holds several, the others do no harm. */
export function findIntactBlock(blocks: CarBlocks, digest: Uint8Array, digestAt = 0): number {
  let index = findBlock(blocks, digest, digestAt);
  if (index < 0) {
    return NO_BLOCK;
  }
  while (index >= 0 && !isIntact(blocks, index)) {
    index = findBlock(blocks, digest, digestAt, index + STRIDE);
  }
  return index < 0 ? NO_INTACT_BLOCK : index;
}

function isIntact(blocks: CarBlocks, index: number): boolean {
  const { bytes, table } = blocks;
  if (table[index + STATE] === UNKNOWN) {
    table[index + STATE] = hashesTo(blockAt(blocks, index), bytes, ownDigestAt(table, index)) ? INTACT : BROKEN;
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

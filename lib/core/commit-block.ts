/** The CAR slice of a #commit or #sync and the commit block in it, which must say the same as the message. */

import { type BlockTable, blockReader, type CarBlocks, findIntactBlock, scanCar } from "./car.ts";
import { type CborReader, knownKeys } from "./cbor-reader.ts";
import { CID_BYTES, CID_PREFIX, DIGEST_BYTES } from "./cid.ts";
import { MalformedBytesError, OverLimitError } from "./errors.ts";
import { type MapShape, readFields } from "./frame.ts";
import { MAX_CAR_BLOCKS } from "./limits.ts";
import type { Complaint } from "./message-fields.ts";
import { TID_CHARS } from "./tid.ts";
import { ascii, hasBytes, sameBytes } from "./utf8.ts";

export interface Slice {
  readonly blocks: CarBlocks;
  /** Offsets of the digests of the commit block and of the tree's root. */
  readonly commitAt: number;
  readonly treeAt: number;
}

/** Where the slice stands in the frame, and what the message says of the commit. */
export interface SliceClaim {
  readonly blocksAt: number;
  readonly blocksEnd: number;
  readonly did: string;
  /** Where the DID and the rev stand. Both have one form only, so that their bytes can be compared instead of what they mean. */
  readonly didAt: number;
  readonly revAt: number;
}

/** One table for all slices: nothing of a slice outlives its frame's decoding. It grows to `MAX_CAR_BLOCKS` at the most. */
const lastTable: BlockTable = [];

/** Reads the slice in place; the commit block's hash is checked, those of the others when they are asked for. */
export function readSlice(claim: SliceClaim, bytes: Uint8Array): Slice | Complaint {
  try {
    const blocks = scanCar(bytes, {
      from: claim.blocksAt,
      to: claim.blocksEnd,
      maxBlocks: MAX_CAR_BLOCKS,
      table: lastTable,
    });
    if (blocks.rootAt < 0) {
      return { reason: "broken-blocks", detail: "car: no root that could be a commit" };
    }
    return { blocks, commitAt: blocks.rootAt, treeAt: readCommitBlock(blocks, claim) };
  } catch (error) {
    if (error instanceof MalformedBytesError) {
      const reason = error instanceof OverLimitError ? "over-limit" : "broken-blocks";
      return { reason, detail: `${error.message} (byte ${error.offset})` };
    }
    throw error;
  }
}

/** Fields of a commit block (repository specification, version 3). Its `prev` is unused, its `sig` is not checked here. */
interface CommitBlock {
  readonly claim: SliceClaim;
  isSameDid: boolean;
  isSameRev: boolean;
  version: number;
  treeAt: number;
}

const COMMIT_BLOCK: MapShape = { depth: 0, keys: knownKeys(["did", "rev", "sig", "data", "prev", "version"]) };

/** Offset of the digest of the tree's root. */
function readCommitBlock(blocks: CarBlocks, claim: SliceClaim): number {
  const index = findIntactBlock(blocks, blocks.bytes, blocks.rootAt);
  if (index < 0) {
    throw new MalformedBytesError("car: the commit block is missing or hashes to another cid", blocks.rootAt);
  }
  const reader = blockReader(blocks, index);
  return readPlainBlock(reader, claim) ?? readAnyBlock(reader, claim);
}

// What stands between the parts of a commit block that differ from one to the next.
const BEFORE_DID = [0xa6, 0x63, ...ascii("did"), 0x78];
const BEFORE_REV = [0x63, ...ascii("rev"), 0x60 + TID_CHARS];
const SIG_BYTES = 64;
const BEFORE_SIG = [0x63, ...ascii("sig"), 0x58, SIG_BYTES];
const BEFORE_TREE = [0x64, ...ascii("data"), 0xd8, 0x2a, 0x58, 1 + CID_BYTES, 0, ...CID_PREFIX];
const AFTER_TREE = [0x64, ...ascii("prev"), 0xf6, 0x67, ...ascii("version"), 3];

/**
 * The block that nearly all commits have, of which all bytes are known but for the signature and the tree's digest; undefined for every
 * other, right or wrong. A DID of 24 to 255 bytes has its length in one byte after the head of the text.
 */
function readPlainBlock(reader: CborReader, { did, didAt, revAt }: SliceClaim): number | undefined {
  const { bytes, at, end } = reader;
  const ownDidAt = at + BEFORE_DID.length + 1;
  const didEnd = ownDidAt + did.length;
  const ownRevAt = didEnd + BEFORE_REV.length;
  const revEnd = ownRevAt + TID_CHARS;
  const sigEnd = revEnd + BEFORE_SIG.length + SIG_BYTES;
  const treeAt = sigEnd + BEFORE_TREE.length;
  const treeEnd = treeAt + DIGEST_BYTES;
  return treeEnd + AFTER_TREE.length === end &&
    did.length >= 24 &&
    bytes[ownDidAt - 1] === did.length &&
    hasBytes(bytes, at, BEFORE_DID) &&
    sameBytes(bytes, ownDidAt, didAt, did.length) &&
    hasBytes(bytes, didEnd, BEFORE_REV) &&
    sameBytes(bytes, ownRevAt, revAt, TID_CHARS) &&
    hasBytes(bytes, revEnd, BEFORE_SIG) &&
    hasBytes(bytes, sigEnd, BEFORE_TREE) &&
    hasBytes(bytes, treeEnd, AFTER_TREE)
    ? treeAt
    : undefined;
}

function readAnyBlock(reader: CborReader, claim: SliceClaim): number {
  const { at } = reader;
  const block: CommitBlock = { claim, isSameDid: false, isSameRev: false, version: 0, treeAt: -1 };
  if (!readFields(reader, COMMIT_BLOCK, block, readCommitBlockField) || reader.at !== reader.end) {
    reader.fail("commit block is not one map");
  }
  if (block.version !== 3) {
    reader.fail(`commit block is of version ${block.version}, not 3`, at);
  }
  if (!block.isSameDid || !block.isSameRev || block.treeAt < 0) {
    const field = !block.isSameDid ? "did" : !block.isSameRev ? "rev" : "data";
    reader.fail(`commit block lacks or contradicts what the message says: ${field}`, at);
  }
  return block.treeAt;
}

function readCommitBlockField(reader: CborReader, key: string, block: CommitBlock): void {
  switch (key) {
    case "did":
      readSameDid(reader, block);
      break;
    case "rev":
      readSameRev(reader, block);
      break;
    case "version":
      block.version = reader.tryUint() ?? 0;
      break;
    case "data":
      block.treeAt = reader.tryRecordLink() ?? -1;
      break;
    default: // prev, sig and what later versions add
  }
}

function readSameDid(reader: CborReader, block: CommitBlock): void {
  const { did, didAt } = block.claim;
  const from = reader.trySkipText() ?? reader.at;
  block.isSameDid = reader.at - from === did.length && sameBytes(reader.bytes, from, didAt, did.length);
}

function readSameRev(reader: CborReader, block: CommitBlock): void {
  const from = reader.trySkipText() ?? reader.at;
  block.isSameRev = reader.at - from === TID_CHARS && sameBytes(reader.bytes, from, block.claim.revAt, TID_CHARS);
}

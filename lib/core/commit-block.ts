/** The CAR slice of a #commit or #sync and the commit block in it, which must say the same as the message. */

import { blockReader, type CarBlocks, findIntactBlock, scanCar } from "./car.ts";
import type { CborReader } from "./cbor-reader.ts";
import { MalformedBytesError, OverLimitError } from "./errors.ts";
import { readFields } from "./frame.ts";
import { MAX_CAR_BLOCKS } from "./limits.ts";
import type { Complaint } from "./message-fields.ts";
import { readTid, TID_CHARS } from "./tid.ts";
import { isText } from "./utf8.ts";

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
}

/** Reads the slice in place; the commit block's hash is checked, those of the others when they are asked for. */
export function readSlice(claim: SliceClaim, bytes: Uint8Array, rev: bigint): Slice | Complaint {
  try {
    const blocks = scanCar(bytes, claim.blocksAt, claim.blocksEnd, MAX_CAR_BLOCKS);
    if (blocks.rootAt < 0) {
      return { reason: "broken-blocks", detail: "car: no root that could be a commit" };
    }
    return { blocks, commitAt: blocks.rootAt, treeAt: readCommitBlock(blocks, claim.did, rev) };
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
  readonly did: string;
  readonly rev: bigint;
  isSameDid: boolean;
  isSameRev: boolean;
  version: number;
  treeAt: number;
}

/** Offset of the digest of the tree's root. */
function readCommitBlock(blocks: CarBlocks, did: string, rev: bigint): number {
  const index = findIntactBlock(blocks, blocks.bytes, blocks.rootAt);
  if (index < 0) {
    throw new MalformedBytesError("car: the commit block is missing or hashes to another cid", blocks.rootAt);
  }
  const reader = blockReader(blocks, index);
  const { at } = reader;
  const block: CommitBlock = { did, rev, isSameDid: false, isSameRev: false, version: 0, treeAt: -1 };
  if (!readFields(reader, 0, block, readCommitBlockField) || reader.at !== reader.end) {
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
  const from = reader.trySkipText() ?? reader.at;
  block.isSameDid = reader.at - from === block.did.length && isText(reader.bytes, from, block.did);
}

function readSameRev(reader: CborReader, block: CommitBlock): void {
  const from = reader.trySkipText() ?? reader.at;
  block.isSameRev = reader.at - from === TID_CHARS && readTid(reader.bytes, from) === block.rev;
}

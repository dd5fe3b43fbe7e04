/** The ops of a #commit: fields → draft with offsets → `CommitOp` with the record's bytes, or with the fault that sets it aside. */

import { blockAt, type CarBlocks, findIntactBlock, NO_BLOCK } from "./car.ts";
import { type CborReader, knownKeys } from "./cbor-reader.ts";
import { DIGEST_BYTES, DIGEST_PREFIX_BYTES } from "./cid.ts";
import type { CommitOp, DigestPrefix, OpAction, OpFaultReason } from "./event.ts";
import { type MapShape, readFields } from "./frame.ts";
import { MAX_OPS, MAX_PATH_BYTES } from "./limits.ts";
import { complain, type Envelope, quoted, shown } from "./message-fields.ts";
import { isNsid, isRkeyAt } from "./syntax.ts";
import { internedUtf8, latin1, utf8 } from "./utf8.ts";

/** An op as it stands in the frame; the blocks come after it. */
export interface DraftOp {
  action: OpAction | undefined;
  pathAt: number;
  pathEnd: number;
  /** Offset of the CID's digest; `NONE` where it is absent or null, `OTHER` where it is no CID that a record can have. */
  cidAt: number;
  prevAt: number;
}

const NONE = -1;
const OTHER = -2;

/** In a list in the body. */
const OP: MapShape = { depth: 2, keys: knownKeys(["cid", "path", "prev", "action"]) };

/** Reads `ops`; complaints go to the envelope. Returns undefined, and leaves the value unread, where it is no list or too long a one. */
export function readOps(reader: CborReader, envelope: Envelope): DraftOp[] | undefined {
  const { at } = reader;
  const count = reader.tryArray();
  if (count === undefined || count > MAX_OPS) {
    reader.at = at;
    const tooMany = count !== undefined;
    complain(envelope, tooMany ? "over-limit" : "broken-envelope", tooMany ? `${count} ops` : "ops is not an array");
    return undefined;
  }
  const ops: DraftOp[] = [];
  for (let i = 0; i < count; i += 1) {
    const op: DraftOp = { action: undefined, pathAt: NONE, pathEnd: NONE, cidAt: NONE, prevAt: NONE };
    if (!readFields(reader, OP, op, readOpField)) {
      reader.skip(OP.depth);
    }
    if (op.action === undefined || op.pathAt === NONE) {
      complain(envelope, "broken-envelope", `ops[${i}] has no ${op.action === undefined ? "known action" : "path"}`);
    }
    ops.push(op);
  }
  return ops;
}

function readOpField(reader: CborReader, key: string, op: DraftOp): void {
  switch (key) {
    case "action":
      op.action = asAction(reader.tryInterned());
      break;
    case "path":
      op.pathAt = reader.trySkipText() ?? NONE;
      op.pathEnd = reader.at;
      break;
    case "cid":
      op.cidAt = readDigestAt(reader);
      break;
    case "prev":
      op.prevAt = readDigestAt(reader);
      break;
    default: // unknown fields are skipped
  }
}

function asAction(text: string | undefined): OpAction | undefined {
  return text === "create" || text === "update" || text === "delete" ? text : undefined;
}

/** Offset of the digest of a record's CID; `NONE` for null, `OTHER` for anything else. */
function readDigestAt(reader: CborReader): number {
  return reader.tryNull() ? NONE : (reader.tryRecordLink() ?? OTHER);
}

/** Drafts → ops. A fault touches its own op only. */
export function finishOps(drafts: readonly DraftOp[], blocks: CarBlocks): CommitOp[] {
  const ops = drafts.map((draft) => finishOp(draft, blocks));
  return hasTwins(ops) ? withoutTwins(ops) : ops;
}

function finishOp(draft: DraftOp, blocks: CarBlocks): CommitOp {
  const { bytes } = blocks;
  const { pathAt, pathEnd } = draft;
  const slashAt = findSlash(bytes, pathAt, pathEnd);
  if (pathEnd - pathAt > MAX_PATH_BYTES || slashAt === pathEnd) {
    return withBadPath(draft, bytes);
  }
  const collection = internedUtf8(bytes, pathAt, slashAt) ?? "";
  if (!isKnownNsid(collection) || !isRkeyAt(bytes, slashAt + 1, pathEnd)) {
    return withBadPath(draft, bytes);
  }
  return withRecord(draft, collection, latin1(bytes, slashAt + 1, pathEnd), blocks);
}

const SLASH = 0x2f;

function findSlash(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== SLASH) {
    at += 1;
  }
  return at;
}

function withRecord(draft: DraftOp, collection: string, rkey: string, blocks: CarBlocks): CommitOp {
  const { cidAt, prevAt } = draft;
  const { bytes } = blocks;
  const action = draft.action ?? "delete";
  const prev = prevAt < 0 ? null : prefixAt(bytes, prevAt);
  const op: CommitOp = { action, collection, rkey, cid: null, prev, record: null, fault: null };
  if (action === "delete") {
    return op;
  }
  if (cidAt < 0) {
    return withFault(
      op,
      "bad-cid",
      cidAt === NONE ? `${action} without a cid` : "cid is not one of dag-cbor and sha-256",
    );
  }
  const index = findIntactBlock(blocks, bytes, cidAt);
  if (index < 0) {
    const named = { ...op, cid: digestAt(bytes, cidAt) };
    return index === NO_BLOCK
      ? withFault(named, "missing-block", "no block with the cid of the op")
      : withFault(named, "hash-mismatch", "the block with the cid of the op hashes to another");
  }
  return { action, collection, rkey, cid: null, prev, record: blockAt(blocks, index), fault: null };
}

/** The start of the digest that stands at `at`. */
export function prefixAt(bytes: Uint8Array, at: number): DigestPrefix {
  return bytes.subarray(at, at + DIGEST_PREFIX_BYTES);
}

function digestAt(bytes: Uint8Array, at: number): Uint8Array | null {
  return at < 0 ? null : bytes.subarray(at, at + DIGEST_BYTES);
}

function withFault(op: CommitOp, reason: OpFaultReason, detail: string): CommitOp {
  return { ...op, fault: { reason, detail } };
}

/** What the path is is shown as far as it can be; what the op said in full is in the frame that its dead letter keeps. */
function withBadPath(draft: DraftOp, bytes: Uint8Array): CommitOp {
  const path = shown(utf8(bytes, draft.pathAt, draft.pathEnd) ?? "", MAX_PATH_BYTES);
  const slashAt = path.indexOf("/");
  return {
    action: draft.action ?? "delete",
    collection: slashAt < 0 ? path : path.slice(0, slashAt),
    rkey: slashAt < 0 ? "" : path.slice(slashAt + 1),
    cid: digestAt(bytes, draft.cidAt),
    prev: draft.prevAt < 0 ? null : prefixAt(bytes, draft.prevAt),
    record: null,
    fault: { reason: "bad-path", detail: `path is not a collection and a record key: ${quoted(path)}` },
  };
}

/** Few ops are compared each with each, which makes no texts. */
const FEW_OPS = 8;

function hasTwins(ops: readonly CommitOp[]): boolean {
  if (ops.length > FEW_OPS) {
    return new Set(ops.map(pathOf)).size < ops.length;
  }
  for (let i = 1; i < ops.length; i += 1) {
    for (let j = 0; j < i; j += 1) {
      if (ops[i]?.rkey === ops[j]?.rkey && ops[i]?.collection === ops[j]?.collection) {
        return true;
      }
    }
  }
  return false;
}

function pathOf({ collection, rkey }: CommitOp): string {
  return `${collection}/${rkey}`;
}

/** Two ops on one path: nothing says which of them the tree holds, so none is applied. */
function withoutTwins(ops: readonly CommitOp[]): CommitOp[] {
  const counts = new Map<string, number>();
  for (const op of ops) {
    counts.set(pathOf(op), (counts.get(pathOf(op)) ?? 0) + 1);
  }
  return ops.map((op) => {
    const count = counts.get(pathOf(op)) ?? 1;
    return count > 1 && op.fault === null ? withFault(op, "duplicate-path", `${count} ops on this path`) : op;
  });
}

/** Few collections make nearly all events: what passed the check once is remembered, up to a limit. */
const knownNsids = new Set<string>();
const MAX_KNOWN_NSIDS = 1024;

function isKnownNsid(text: string): boolean {
  if (knownNsids.has(text)) {
    return true;
  }
  if (!isNsid(text)) {
    return false;
  }
  if (knownNsids.size >= MAX_KNOWN_NSIDS) {
    knownNsids.clear();
  }
  knownNsids.add(text);
  return true;
}

/** Bodies of #commit and #sync: fields, then the commit block in their CAR slice, then the ops. */

import { type CborReader, knownKeys } from "./cbor-reader.ts";
import { sameDigest } from "./cid.ts";
import { readSlice } from "./commit-block.ts";
import { type DraftOp, finishOps, prefixAt, readOps } from "./decode-op.ts";
import type { CommitEvent, Message, SyncEvent } from "./event.ts";
import { type MapShape, readFields } from "./frame.ts";
import { MAX_COMMIT_BLOCKS_BYTES, MAX_SYNC_BLOCKS_BYTES } from "./limits.ts";
import {
  type Complaint,
  complain,
  type Envelope,
  futureRev,
  readEnvelopeField,
  readTidField,
  rejected,
} from "./message-fields.ts";
import { TID_CHARS } from "./tid.ts";

/** Fields of both kinds; offsets are into the frame, −1 where a field was not there. */
interface RepoBody extends Envelope {
  rev: bigint | undefined;
  revAt: number;
  blocksAt: number;
  blocksEnd: number;
}

interface CommitBody extends RepoBody {
  since: bigint | null | undefined;
  /** Offsets of digests. */
  commitAt: number;
  prevTreeAt: number;
  ops: DraftOp[] | undefined;
}

/** The fields of a #commit, in their order there. */
export const COMMIT_BODY: MapShape = {
  depth: 0,
  keys: knownKeys([
    "ops",
    "rev",
    "seq",
    "repo",
    "time",
    "blobs",
    "since",
    "blocks",
    "commit",
    "rebase",
    "tooBig",
    "prevData",
  ]),
};
const SYNC: MapShape = { depth: 0, keys: knownKeys(["did", "rev", "seq", "time", "blocks"]) };

/** Body of a #commit, at which the reader stands → event. Throws `MalformedBytesError` where the bytes are no DAG-CBOR. */
export function readCommit(reader: CborReader, receivedAtMs: number): Message {
  const body: CommitBody = {
    seq: 0,
    did: "",
    didAt: -1,
    timeMs: null,
    complaint: null,
    rev: undefined,
    revAt: -1,
    blocksAt: -1,
    blocksEnd: -1,
    since: undefined,
    commitAt: -1,
    prevTreeAt: -1,
    ops: undefined,
  };
  finishBody(reader, body, readFields(reader, COMMIT_BODY, body, readCommitField));
  const { bytes } = reader;
  const event = body.complaint ?? commitEvent(body, bytes, receivedAtMs);
  return "kind" in event ? { kind: "event", event } : rejected(body, event, { rawFrame: bytes, receivedAtMs });
}

/** Body of a #sync, likewise. */
export function readSync(reader: CborReader, receivedAtMs: number): Message {
  const body: RepoBody = {
    seq: 0,
    did: "",
    didAt: -1,
    timeMs: null,
    complaint: null,
    rev: undefined,
    revAt: -1,
    blocksAt: -1,
    blocksEnd: -1,
  };
  finishBody(reader, body, readFields(reader, SYNC, body, readSyncField));
  const { bytes } = reader;
  const event = body.complaint ?? syncEvent(body, bytes, receivedAtMs);
  return "kind" in event ? { kind: "event", event } : rejected(body, event, { rawFrame: bytes, receivedAtMs });
}

/** The body must be one map with a valid `seq` and nothing after it; otherwise the stream cannot be trusted further. */
export function finishBody(reader: CborReader, body: Envelope, isMap: boolean): void {
  if (!isMap) {
    reader.fail("body is not a map");
  }
  if (reader.at !== reader.end) {
    reader.fail("bytes after the end of the body");
  }
  if (body.seq === 0) {
    reader.fail("body without a valid seq", 0);
  }
  if (body.did === "") {
    complain(body, "broken-envelope", "no did");
  }
}

function readCommitField(reader: CborReader, key: string, body: CommitBody): void {
  switch (key) {
    case "rev":
      readRev(reader, body);
      break;
    case "since":
      body.since = reader.tryNull() ? null : readTidField(reader, key, body);
      break;
    case "ops":
      body.ops = readOps(reader, body);
      break;
    case "blocks":
      readBlocks(reader, body, MAX_COMMIT_BLOCKS_BYTES);
      break;
    case "commit":
      body.commitAt = readDigestAt(reader, key, body);
      break;
    case "prevData":
      body.prevTreeAt = reader.tryNull() ? -1 : readDigestAt(reader, key, body);
      break;
    default:
      readEnvelopeField(reader, key, body, "repo");
  }
}

function readSyncField(reader: CborReader, key: string, body: RepoBody): void {
  if (key === "rev") {
    readRev(reader, body);
  } else if (key === "blocks") {
    readBlocks(reader, body, MAX_SYNC_BLOCKS_BYTES);
  } else {
    readEnvelopeField(reader, key, body, "did");
  }
}

function readRev(reader: CborReader, body: RepoBody): void {
  body.rev = readTidField(reader, "rev", body);
  body.revAt = reader.at - TID_CHARS;
}

function readBlocks(reader: CborReader, body: RepoBody, maxBytes: number): void {
  const from = reader.trySkipBytes();
  if (from === undefined) {
    complain(body, "broken-envelope", "blocks is not a byte string");
    return;
  }
  body.blocksAt = from;
  body.blocksEnd = reader.at;
  if (reader.at - from > maxBytes) {
    complain(body, "over-limit", `blocks of ${reader.at - from} bytes`);
  }
}

/** Offset of the digest; −1, with a complaint, for anything but the CID of a commit or tree node. */
function readDigestAt(reader: CborReader, key: string, body: CommitBody): number {
  const at = reader.tryRecordLink();
  if (at === undefined) {
    complain(body, "broken-envelope", `${key} is not a cid of dag-cbor and sha-256`);
  }
  return at ?? -1;
}

function commitEvent(body: CommitBody, bytes: Uint8Array, receivedAtMs: number): CommitEvent | Complaint {
  const { seq, did, timeMs, rev, since, ops, commitAt, prevTreeAt } = body;
  if (rev === undefined || since === undefined || ops === undefined || commitAt < 0 || body.blocksAt < 0) {
    return { reason: "broken-envelope", detail: `no ${missingField(body)}` };
  }
  const slice = readSlice(body, bytes);
  if ("reason" in slice) {
    return slice;
  }
  if (!sameDigest(bytes, slice.commitAt, bytes, commitAt)) {
    return { reason: "broken-blocks", detail: "the first root of blocks is another than commit" };
  }
  const future = futureRev(rev, receivedAtMs);
  if (future !== null) {
    return future;
  }
  const finished = finishOps(ops, slice.blocks);
  return {
    kind: "commit",
    seq,
    did,
    timeMs,
    receivedAtMs,
    rev,
    since,
    tree: prefixAt(bytes, slice.treeAt),
    prevTree: prevTreeAt < 0 ? null : prefixAt(bytes, prevTreeAt),
    ops: finished,
    rawFrame: finished.some(({ fault }) => fault !== null) ? bytes : null,
  };
}

function missingField(body: CommitBody): string {
  const { rev, since, ops, commitAt } = body;
  return rev === undefined
    ? "rev"
    : since === undefined
      ? "since"
      : ops === undefined
        ? "ops"
        : commitAt < 0
          ? "commit"
          : "blocks";
}

function syncEvent(body: RepoBody, bytes: Uint8Array, receivedAtMs: number): SyncEvent | Complaint {
  const { seq, did, timeMs, rev } = body;
  if (rev === undefined || body.blocksAt < 0) {
    return { reason: "broken-envelope", detail: `no ${rev === undefined ? "rev" : "blocks"}` };
  }
  const slice = readSlice(body, bytes);
  if ("reason" in slice) {
    return slice;
  }
  const tree = prefixAt(bytes, slice.treeAt);
  return futureRev(rev, receivedAtMs) ?? { kind: "sync", seq, did, timeMs, receivedAtMs, rev, tree };
}

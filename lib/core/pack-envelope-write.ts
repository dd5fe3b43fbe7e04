/** FirehoseEvent → words and figures of its envelope (docs/formats.md). */
import { type ByteWriter, MAX_VARINT_BYTES } from "./byte-writer.ts";
import { DIGEST_BYTES, DIGEST_PREFIX_BYTES } from "./cid.ts";
import type { CommitEvent, CommitOp, FirehoseEvent } from "./event.ts";
import type { Halves } from "./pack-body.ts";
import { ACTION_CODES, COLLECTION_CODES, type CodeTable, FAULT_CODES, REJECT_CODES } from "./pack-envelope-codes.ts";
import { ACCOUNT, COMMIT, type EnvelopeContext, HAS_TIME, IDENTITY, KIND, OP } from "./pack-envelope-layout.ts";
import { parseTid, tidClock, tidMicros } from "./tid.ts";

/**
 * Appends one event. `context` is moved on to it. Throws a RangeError for values that no decoder of ours makes (a digest of
 * another length, a fraction as seq); the writers may then hold half an envelope, and the caller rewinds them.
 */
export function writeEnvelope(out: Halves<ByteWriter>, event: FirehoseEvent, context: EnvelopeContext): void {
  const { words, figures } = out;
  words.reserve(wordsBound(event));
  figures.reserve(figuresBound(event));
  words.byte(KIND[event.kind] | (event.timeMs === null ? 0 : HAS_TIME) | flagsOf(event));
  figures.signed(event.seq - context.seq);
  figures.signed(event.receivedAtMs - context.receivedAtMs);
  if (event.timeMs !== null) figures.signed(event.timeMs - event.receivedAtMs);
  words.text(event.did);
  let { revMicros } = context;
  switch (event.kind) {
    case "commit":
      revMicros = writeCommit(out, event, revMicros);
      break;
    case "sync":
      revMicros = writeTid(figures, event.rev, revMicros);
      figures.digestPrefix(event.tree);
      break;
    case "identity":
      if (event.handle !== null) words.text(event.handle);
      break;
    case "account":
      if (event.status !== null) words.text(event.status);
      break;
    case "rejected":
      words.byte(codeOf(REJECT_CODES, event.reason));
      words.text(event.detail);
      words.block(event.rawFrame);
      break;
  }
  context.seq = event.seq;
  context.receivedAtMs = event.receivedAtMs;
  context.revMicros = revMicros;
}

function flagsOf(event: FirehoseEvent): number {
  switch (event.kind) {
    case "commit":
      return (
        (event.since === null ? 0 : COMMIT.hasSince) |
        (event.prevTree === null ? 0 : COMMIT.hasPrevTree) |
        (event.rawFrame === null ? 0 : COMMIT.hasRawFrame)
      );
    case "identity":
      return event.handle === null ? 0 : IDENTITY.hasHandle;
    case "account":
      return (event.active ? ACCOUNT.isActive : 0) | (event.status === null ? 0 : ACCOUNT.hasStatus);
    case "sync":
    case "rejected":
      return 0;
  }
}

/** Returns the microseconds of the rev. */
function writeCommit(out: Halves<ByteWriter>, event: CommitEvent, lastRevMicros: number): number {
  const { words, figures } = out;
  const revMicros = writeTid(figures, event.rev, lastRevMicros);
  if (event.since !== null) writeTid(figures, event.since, revMicros);
  figures.digestPrefix(event.tree);
  if (event.prevTree !== null) figures.digestPrefix(event.prevTree);
  words.varint(event.ops.length);
  for (const op of event.ops) writeOp(out, op, revMicros);
  if (event.rawFrame !== null) words.block(event.rawFrame);
  return revMicros;
}

function writeOp({ words, figures }: Halves<ByteWriter>, op: CommitOp, revMicros: number): void {
  const tid = parseTid(op.rkey);
  words.byte(
    codeOf(ACTION_CODES, op.action) |
      (op.cid === null ? 0 : OP.hasCid) |
      (op.prev === null ? 0 : OP.hasPrev) |
      (op.record === null ? 0 : OP.hasRecord) |
      (op.fault === null ? 0 : OP.hasFault) |
      (tid === undefined ? 0 : OP.hasTid),
  );
  const collection = COLLECTION_CODES.codes.get(op.collection) ?? 0;
  words.byte(collection);
  if (collection === 0) words.text(op.collection);
  if (tid === undefined) words.text(op.rkey);
  else writeTid(figures, tid, revMicros);
  if (op.cid !== null) figures.digest(op.cid);
  if (op.prev !== null) figures.digestPrefix(op.prev);
  if (op.record !== null) words.block(op.record);
  if (op.fault !== null) {
    words.byte(codeOf(FAULT_CODES, op.fault.reason));
    words.text(op.fault.detail);
  }
}

/** Writes how far the TID's microseconds are from `against`, and its clock id; returns the microseconds. */
function writeTid(figures: ByteWriter, tid: bigint, against: number): number {
  const micros = tidMicros(tid);
  if (!Number.isSafeInteger(micros)) throw new RangeError(`not a TID: ${tid}`);
  figures.signed(micros - against);
  figures.varint(tidClock(tid));
  return micros;
}

function codeOf<T extends string>(table: CodeTable<T>, value: T): number {
  const code = table.codes.get(value);
  if (code === undefined) throw new RangeError(`no code for ${value}`);
  return code;
}

/** UTF-8 takes at most three bytes a UTF-16 unit. */
function textBound(text: string): number {
  return MAX_VARINT_BYTES + text.length * 3;
}

/** At least as many bytes as the envelope's words can take, cheaply. */
export function wordsBound(event: FirehoseEvent): number {
  const fixed = 1 + textBound(event.did);
  switch (event.kind) {
    case "commit": {
      let bound = fixed + 2 * MAX_VARINT_BYTES + (event.rawFrame?.length ?? 0);
      for (const op of event.ops) {
        bound += 3 + MAX_VARINT_BYTES + textBound(op.collection) + textBound(op.rkey) + (op.record?.length ?? 0);
        if (op.fault !== null) bound += textBound(op.fault.detail);
      }
      return bound;
    }
    case "sync":
      return fixed;
    case "identity":
      return fixed + textBound(event.handle ?? "");
    case "account":
      return fixed + textBound(event.status ?? "");
    case "rejected":
      return fixed + 1 + textBound(event.detail) + MAX_VARINT_BYTES + event.rawFrame.length;
  }
}

const TID_BOUND = 2 * MAX_VARINT_BYTES;
const COMMIT_FIGURES = 3 * MAX_VARINT_BYTES + 2 * TID_BOUND + 2 * DIGEST_PREFIX_BYTES;
const OP_FIGURES = TID_BOUND + DIGEST_BYTES + DIGEST_PREFIX_BYTES;

/** The same for its figures: no kind has more of them than a commit. */
export function figuresBound(event: FirehoseEvent): number {
  return COMMIT_FIGURES + (event.kind === "commit" ? event.ops.length * OP_FIGURES : 0);
}

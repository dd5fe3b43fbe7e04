/** FirehoseEvent to envelope and back: the compact form in which events travel and dead letters are kept (docs/formats.md). */
import { ByteFault, type ByteFaultReason, ByteReader } from "./byte-reader.ts";
import { ByteWriter, MAX_VARINT_BYTES } from "./byte-writer.ts";
import type { CommitEvent, CommitOp, FirehoseEvent } from "./event.ts";
import { ACTION_CODES, COLLECTION_CODES, type CodeTable, FAULT_CODES, REJECT_CODES } from "./pack-envelope-codes.ts";

const KIND_MASK = 0x07;
const KIND = { commit: 1, sync: 2, identity: 3, account: 4, rejected: 5 } as const satisfies Record<
  FirehoseEvent["kind"],
  number
>;

/** In the first byte of an envelope, above the kind. */
const HAS_TIME = 0x08;
const COMMIT = { hasSince: 0x10, hasPrevTree: 0x20, hasRawFrame: 0x40 } as const;
const IDENTITY = { hasHandle: 0x10 } as const;
const ACCOUNT = { isActive: 0x10, hasStatus: 0x20 } as const;

/** In the first byte of an op, above the action's code. */
const ACTION_MASK = 0x03;
const OP = { hasCid: 0x04, hasPrev: 0x08, hasRecord: 0x10, hasFault: 0x20 } as const;
const OP_UNUSED = 0xc0;

/** What a seq and a time of receipt are written against: the event before in the same body, zeros for the first. */
export interface EnvelopeContext {
  seq: number;
  receivedAtMs: number;
}

/** Limits of a body, so that a few hostile bytes cannot become millions of objects. */
export interface EnvelopeLimits {
  readonly maxEvents: number;
  readonly maxOps: number;
}

export type EnvelopeFaultReason = ByteFaultReason | "trailing-bytes";

export type EnvelopeResult =
  | { readonly ok: true; readonly event: FirehoseEvent }
  /** `offset` counts from the start of the bytes given. */
  | { readonly ok: false; readonly reason: EnvelopeFaultReason; readonly offset: number };

/**
 * Appends one event. `context` is moved on to it. Throws a RangeError for values that no decoder of ours makes (a digest of
 * another length, a fraction as seq); the writer may then hold half an envelope, and the caller rewinds it.
 */
export function writeEnvelope(out: ByteWriter, event: FirehoseEvent, context: EnvelopeContext): void {
  out.reserve(boundOf(event));
  out.byte(KIND[event.kind] | (event.timeMs === null ? 0 : HAS_TIME) | flagsOf(event));
  out.signed(event.seq - context.seq);
  out.signed(event.receivedAtMs - context.receivedAtMs);
  if (event.timeMs !== null) out.signed(event.timeMs - event.receivedAtMs);
  out.text(event.did);
  switch (event.kind) {
    case "commit":
      writeCommit(out, event);
      break;
    case "sync":
      out.u64(event.rev);
      out.digest(event.commit);
      out.digest(event.tree);
      break;
    case "identity":
      if (event.handle !== null) out.text(event.handle);
      break;
    case "account":
      if (event.status !== null) out.text(event.status);
      break;
    case "rejected":
      out.byte(codeOf(REJECT_CODES, event.reason));
      out.text(event.detail);
      out.block(event.rawFrame);
      break;
  }
  context.seq = event.seq;
  context.receivedAtMs = event.receivedAtMs;
}

/** Reads the next envelope; throws a ByteFault where the bytes are none. Digests, records and frames are views of the bytes. */
export function readEnvelope(from: ByteReader, context: EnvelopeContext, maxOps: number): FirehoseEvent {
  const start = from.offset;
  const tag = from.byte();
  const seq = context.seq + from.signed();
  const receivedAtMs = context.receivedAtMs + from.signed();
  const timeMs = (tag & HAS_TIME) === 0 ? null : receivedAtMs + from.signed();
  if (!Number.isSafeInteger(seq) || !Number.isSafeInteger(receivedAtMs)) throw new ByteFault("bad-varint", start);
  if (timeMs !== null && !Number.isSafeInteger(timeMs)) throw new ByteFault("bad-varint", start);
  context.seq = seq;
  context.receivedAtMs = receivedAtMs;
  const base = { seq, did: from.text(), timeMs, receivedAtMs };
  const flags = tag & ~(KIND_MASK | HAS_TIME);
  switch (tag & KIND_MASK) {
    case KIND.commit:
      return readCommit(from, base, { start, flags, maxOps });
    case KIND.sync:
      refuseFlags(flags, start);
      return { kind: "sync", ...base, rev: from.u64(), commit: from.digest(), tree: from.digest() };
    case KIND.identity:
      refuseFlags(flags & ~IDENTITY.hasHandle, start);
      return { kind: "identity", ...base, handle: (flags & IDENTITY.hasHandle) === 0 ? null : from.text() };
    case KIND.account:
      refuseFlags(flags & ~(ACCOUNT.isActive | ACCOUNT.hasStatus), start);
      return {
        kind: "account",
        ...base,
        active: (flags & ACCOUNT.isActive) !== 0,
        status: (flags & ACCOUNT.hasStatus) === 0 ? null : from.text(),
      };
    case KIND.rejected:
      refuseFlags(flags, start);
      return {
        kind: "rejected",
        ...base,
        reason: valueOf(REJECT_CODES, from),
        detail: from.text(),
        rawFrame: from.block(),
      };
    default:
      throw new ByteFault("bad-code", start);
  }
}

/** One event by itself, as a dead letter keeps it. */
export function encodeEnvelope(event: FirehoseEvent): Uint8Array {
  const out = new ByteWriter(boundOf(event));
  writeEnvelope(out, event, { seq: 0, receivedAtMs: 0 });
  return out.copy();
}

/** The event of `encodeEnvelope`'s bytes; anything else is refused with the place where it went wrong. */
export function decodeEnvelope(bytes: Uint8Array): EnvelopeResult {
  const from = new ByteReader(bytes);
  try {
    const event = readEnvelope(from, { seq: 0, receivedAtMs: 0 }, bytes.length);
    if (from.remaining > 0) return { ok: false, reason: "trailing-bytes", offset: from.offset };
    return { ok: true, event };
  } catch (error) {
    if (error instanceof ByteFault) return { ok: false, reason: error.reason, offset: error.offset };
    throw error;
  }
}

/**
 * The same commit with only some of its ops: what a dead letter of one op, or a filter, leaves. The raw frame stays only as
 * long as an op with a fault needs it.
 */
export function keepOps(event: CommitEvent, keep: (op: CommitOp, index: number) => boolean): CommitEvent {
  const ops = event.ops.filter(keep);
  if (ops.length === event.ops.length) return event;
  return { ...event, ops, rawFrame: ops.some((op) => op.fault !== null) ? event.rawFrame : null };
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

function writeCommit(out: ByteWriter, event: CommitEvent): void {
  out.u64(event.rev);
  if (event.since !== null) out.u64(event.since);
  out.digest(event.commit);
  out.digest(event.tree);
  if (event.prevTree !== null) out.digest(event.prevTree);
  out.varint(event.ops.length);
  for (const op of event.ops) writeOp(out, op);
  if (event.rawFrame !== null) out.block(event.rawFrame);
}

function writeOp(out: ByteWriter, op: CommitOp): void {
  out.byte(
    codeOf(ACTION_CODES, op.action) |
      (op.cid === null ? 0 : OP.hasCid) |
      (op.prev === null ? 0 : OP.hasPrev) |
      (op.record === null ? 0 : OP.hasRecord) |
      (op.fault === null ? 0 : OP.hasFault),
  );
  const collection = COLLECTION_CODES.codes.get(op.collection) ?? 0;
  out.byte(collection);
  if (collection === 0) out.text(op.collection);
  out.text(op.rkey);
  if (op.cid !== null) out.digest(op.cid);
  if (op.prev !== null) out.digest(op.prev);
  if (op.record !== null) out.block(op.record);
  if (op.fault !== null) {
    out.byte(codeOf(FAULT_CODES, op.fault.reason));
    out.text(op.fault.detail);
  }
}

interface CommitFrame {
  readonly start: number;
  readonly flags: number;
  readonly maxOps: number;
}

type EventBase = Pick<FirehoseEvent, "seq" | "did" | "timeMs" | "receivedAtMs">;

function readCommit(from: ByteReader, base: EventBase, { start, flags, maxOps }: CommitFrame): CommitEvent {
  refuseFlags(flags & ~(COMMIT.hasSince | COMMIT.hasPrevTree | COMMIT.hasRawFrame), start);
  const rev = from.u64();
  const since = (flags & COMMIT.hasSince) === 0 ? null : from.u64();
  const commit = from.digest();
  const tree = from.digest();
  const prevTree = (flags & COMMIT.hasPrevTree) === 0 ? null : from.digest();
  const countAt = from.offset;
  const count = from.varint();
  if (count > maxOps) throw new ByteFault("over-limit", countAt);
  const ops: CommitOp[] = [];
  for (let index = 0; index < count; index++) ops.push(readOp(from));
  const rawFrame = (flags & COMMIT.hasRawFrame) === 0 ? null : from.block();
  return { kind: "commit", ...base, rev, since, commit, tree, prevTree, ops, rawFrame };
}

function readOp(from: ByteReader): CommitOp {
  const start = from.offset;
  const tag = from.byte();
  refuseFlags(tag & OP_UNUSED, start);
  const action = ACTION_CODES.values[tag & ACTION_MASK];
  if (action === undefined) throw new ByteFault("bad-code", start);
  return {
    action,
    collection: readCollection(from),
    rkey: from.text(),
    cid: (tag & OP.hasCid) === 0 ? null : from.digest(),
    prev: (tag & OP.hasPrev) === 0 ? null : from.digest(),
    record: (tag & OP.hasRecord) === 0 ? null : from.block(),
    fault: (tag & OP.hasFault) === 0 ? null : { reason: valueOf(FAULT_CODES, from), detail: from.text() },
  };
}

function readCollection(from: ByteReader): string {
  const start = from.offset;
  const code = from.byte();
  if (code === 0) {
    const collection = from.text();
    if (COLLECTION_CODES.codes.has(collection)) throw new ByteFault("bad-code", start);
    return collection;
  }
  const collection = COLLECTION_CODES.values[code];
  if (collection === undefined) throw new ByteFault("bad-code", start);
  return collection;
}

function codeOf<T extends string>(table: CodeTable<T>, value: T): number {
  const code = table.codes.get(value);
  if (code === undefined) throw new RangeError(`no code for ${value}`);
  return code;
}

function valueOf<T extends string>(table: CodeTable<T>, from: ByteReader): T {
  const start = from.offset;
  const value = table.values[from.byte()];
  if (value === undefined) throw new ByteFault("bad-code", start);
  return value;
}

function refuseFlags(flags: number, start: number): void {
  if (flags !== 0) throw new ByteFault("bad-flags", start);
}

/** UTF-8 takes at most three bytes a UTF-16 unit. */
function textBound(text: string): number {
  return MAX_VARINT_BYTES + text.length * 3;
}

const FIXED_BOUND = 1 + 3 * MAX_VARINT_BYTES;
const COMMIT_BOUND = 16 + 3 * 32 + 2 * MAX_VARINT_BYTES;
const OP_BOUND = 3 + 2 * 32 + MAX_VARINT_BYTES;

/** At least as many bytes as the envelope can take, cheaply. */
function boundOf(event: FirehoseEvent): number {
  const fixed = FIXED_BOUND + textBound(event.did);
  switch (event.kind) {
    case "commit": {
      let bound = fixed + COMMIT_BOUND + (event.rawFrame?.length ?? 0);
      for (const op of event.ops) {
        bound += OP_BOUND + textBound(op.collection) + textBound(op.rkey) + (op.record?.length ?? 0);
        if (op.fault !== null) bound += textBound(op.fault.detail);
      }
      return bound;
    }
    case "sync":
      return fixed + 8 + 2 * 32;
    case "identity":
      return fixed + textBound(event.handle ?? "");
    case "account":
      return fixed + textBound(event.status ?? "");
    case "rejected":
      return fixed + 1 + textBound(event.detail) + MAX_VARINT_BYTES + event.rawFrame.length;
  }
}

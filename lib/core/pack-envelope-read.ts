/** Words and figures of an envelope → FirehoseEvent, strictly: each event has one form (docs/formats.md). */
import { ByteFault, type ByteReader } from "./byte-reader.ts";
import type { CommitEvent, CommitOp, FirehoseEvent } from "./event.ts";
import type { Halves } from "./pack-body.ts";
import { ACTION_CODES, COLLECTION_CODES, type CodeTable, FAULT_CODES, REJECT_CODES } from "./pack-envelope-codes.ts";
import {
  ACCOUNT,
  ACTION_MASK,
  COMMIT,
  type EnvelopeContext,
  HAS_TIME,
  IDENTITY,
  KIND,
  KIND_MASK,
  OP,
  OP_UNUSED,
} from "./pack-envelope-layout.ts";
import { MAX_TID_CLOCK, makeTid, parseTid, tidMicros, tidText } from "./tid.ts";

/** Reads the next envelope; throws a ByteFault where the bytes are none. Digests, records and frames are views of the bytes. */
export function readEnvelope(from: Halves<ByteReader>, context: EnvelopeContext, maxOps: number): FirehoseEvent {
  const { words, figures } = from;
  const start = words.offset;
  const tag = words.byte();
  const figuresAt = figures.offset;
  const seq = context.seq + figures.signed();
  const receivedAtMs = context.receivedAtMs + figures.signed();
  const timeMs = (tag & HAS_TIME) === 0 ? null : receivedAtMs + figures.signed();
  if (!Number.isSafeInteger(seq) || !Number.isSafeInteger(receivedAtMs)) throw new ByteFault("bad-varint", figuresAt);
  if (timeMs !== null && !Number.isSafeInteger(timeMs)) throw new ByteFault("bad-varint", figuresAt);
  context.seq = seq;
  context.receivedAtMs = receivedAtMs;
  const base = { seq, did: words.text(), timeMs, receivedAtMs };
  const flags = tag & ~(KIND_MASK | HAS_TIME);
  switch (tag & KIND_MASK) {
    case KIND.commit:
      refuseFlags(flags & ~(COMMIT.hasSince | COMMIT.hasPrevTree | COMMIT.hasRawFrame), start);
      return readCommit(from, base, { flags, maxOps, context });
    case KIND.sync:
      refuseFlags(flags, start);
      return { kind: "sync", ...base, rev: readRev(figures, context), tree: figures.digestPrefix() };
    case KIND.identity:
      refuseFlags(flags & ~IDENTITY.hasHandle, start);
      return { kind: "identity", ...base, handle: (flags & IDENTITY.hasHandle) === 0 ? null : words.text() };
    case KIND.account:
      refuseFlags(flags & ~(ACCOUNT.isActive | ACCOUNT.hasStatus), start);
      return {
        kind: "account",
        ...base,
        active: (flags & ACCOUNT.isActive) !== 0,
        status: (flags & ACCOUNT.hasStatus) === 0 ? null : words.text(),
      };
    case KIND.rejected:
      refuseFlags(flags, start);
      return {
        kind: "rejected",
        ...base,
        reason: valueOf(REJECT_CODES, words),
        detail: words.text(),
        rawFrame: words.block(),
      };
    default:
      throw new ByteFault("bad-code", start);
  }
}

function readTid(figures: ByteReader, against: number): bigint {
  const start = figures.offset;
  const micros = against + figures.signed();
  const clock = figures.varint();
  if (micros < 0 || !Number.isSafeInteger(micros) || clock > MAX_TID_CLOCK) throw new ByteFault("bad-varint", start);
  return makeTid(micros, clock);
}

function readRev(figures: ByteReader, context: EnvelopeContext): bigint {
  const rev = readTid(figures, context.revMicros);
  context.revMicros = tidMicros(rev);
  return rev;
}

interface CommitFrame {
  readonly flags: number;
  readonly maxOps: number;
  readonly context: EnvelopeContext;
}

type EventBase = Pick<FirehoseEvent, "seq" | "did" | "timeMs" | "receivedAtMs">;

function readCommit(from: Halves<ByteReader>, base: EventBase, { flags, maxOps, context }: CommitFrame): CommitEvent {
  const { words, figures } = from;
  const rev = readRev(figures, context);
  const since = (flags & COMMIT.hasSince) === 0 ? null : readTid(figures, context.revMicros);
  const tree = figures.digestPrefix();
  const prevTree = (flags & COMMIT.hasPrevTree) === 0 ? null : figures.digestPrefix();
  const countAt = words.offset;
  const count = words.varint();
  if (count > maxOps) throw new ByteFault("over-limit", countAt);
  const ops: CommitOp[] = [];
  for (let index = 0; index < count; index++) ops.push(readOp(from, context.revMicros));
  const rawFrame = (flags & COMMIT.hasRawFrame) === 0 ? null : words.block();
  return { kind: "commit", ...base, rev, since, tree, prevTree, ops, rawFrame };
}

function readOp({ words, figures }: Halves<ByteReader>, revMicros: number): CommitOp {
  const start = words.offset;
  const tag = words.byte();
  refuseFlags(tag & OP_UNUSED, start);
  const action = ACTION_CODES.values[tag & ACTION_MASK];
  if (action === undefined) throw new ByteFault("bad-code", start);
  const hasRecord = (tag & OP.hasRecord) !== 0;
  // Only what is dead may lack its record: an op without one would otherwise be taken for a delete.
  if ((tag & OP.hasFault) === 0 && hasRecord === (action === "delete")) throw new ByteFault("bad-flags", start);
  return {
    action,
    collection: readCollection(words),
    rkey: (tag & OP.hasTid) === 0 ? readRkey(words) : tidText(readTid(figures, revMicros)),
    cid: (tag & OP.hasCid) === 0 ? null : figures.digest(),
    prev: (tag & OP.hasPrev) === 0 ? null : figures.digestPrefix(),
    record: hasRecord ? words.block() : null,
    fault: (tag & OP.hasFault) === 0 ? null : { reason: valueOf(FAULT_CODES, words), detail: words.text() },
  };
}

/** A record key that is no TID: those stand among the figures. */
function readRkey(words: ByteReader): string {
  const start = words.offset;
  const rkey = words.text();
  if (parseTid(rkey) !== undefined) throw new ByteFault("bad-code", start);
  return rkey;
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

function valueOf<T extends string>(table: CodeTable<T>, from: ByteReader): T {
  const start = from.offset;
  const value = table.values[from.byte()];
  if (value === undefined) throw new ByteFault("bad-code", start);
  return value;
}

function refuseFlags(flags: number, start: number): void {
  if (flags !== 0) throw new ByteFault("bad-flags", start);
}

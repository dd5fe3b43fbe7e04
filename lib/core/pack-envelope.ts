/** One event by itself, in the compact form in which events travel and dead letters are kept (docs/formats.md), and back. */
import { ByteFault, type ByteFaultReason } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { CommitEvent, CommitOp, FirehoseEvent } from "./event.ts";
import { joinHalves, readHalves } from "./pack-body.ts";
import { newContext } from "./pack-envelope-layout.ts";
import { readEnvelope } from "./pack-envelope-read.ts";
import { figuresBound, wordsBound, writeEnvelope } from "./pack-envelope-write.ts";

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

/** One event by itself, as a dead letter keeps it: a body of one envelope. */
export function encodeEnvelope(event: FirehoseEvent): Uint8Array {
  const out = { words: new ByteWriter(wordsBound(event)), figures: new ByteWriter(figuresBound(event)) };
  writeEnvelope(out, event, newContext());
  return joinHalves(out);
}

/** The event of `encodeEnvelope`'s bytes; anything else is refused with the place where it went wrong. */
export function decodeEnvelope(bytes: Uint8Array): EnvelopeResult {
  try {
    const from = readHalves(bytes);
    const event = readEnvelope(from, newContext(), bytes.length);
    for (const half of [from.words, from.figures]) {
      if (half.remaining > 0) return { ok: false, reason: "trailing-bytes", offset: half.offset };
    }
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

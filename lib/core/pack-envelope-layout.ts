/** What the writer and the reader of envelopes share: flags, and the numbers that numbers are written against. */
import type { FirehoseEvent } from "./event.ts";

export const KIND_MASK = 0x07;
export const KIND = { commit: 1, sync: 2, identity: 3, account: 4, rejected: 5 } as const satisfies Record<
  FirehoseEvent["kind"],
  number
>;

/** In the first byte of an envelope, above the kind. */
export const HAS_TIME = 0x08;
export const COMMIT = { hasSince: 0x10, hasPrevTree: 0x20, hasRawFrame: 0x40 } as const;
export const IDENTITY = { hasHandle: 0x10 } as const;
export const ACCOUNT = { isActive: 0x10, hasStatus: 0x20 } as const;

/** In the first byte of an op, above the action's code. */
export const ACTION_MASK = 0x03;
export const OP = { hasCid: 0x04, hasPrev: 0x08, hasRecord: 0x10, hasFault: 0x20, hasTid: 0x40 } as const;
export const OP_UNUSED = 0x80;

/** What an envelope's numbers are written against: those of the envelope before in the same body. */
export interface EnvelopeContext {
  seq: number;
  receivedAtMs: number;
  /** Microseconds of the last rev. */
  revMicros: number;
}

/** Before the first envelope of a body. */
export function newContext(): EnvelopeContext {
  return { seq: 0, receivedAtMs: 0, revMicros: 0 };
}

/** Events of every kind and shape for property tests: whatever the types allow, sensible or not. */
import fc from "fast-check";
import type { CommitEvent, CommitOp, FirehoseEvent, OpFault } from "../../lib/core/event.ts";

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const prefix = fc.uint8Array({ minLength: 16, maxLength: 16 });
const bytes = fc.uint8Array({ maxLength: 300 });
/** Well-formed UTF-16 only: nothing else can come out of strict UTF-8. */
const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.constantFrom("", "\uFEFF", "\u0000", "x".repeat(127), "x".repeat(128), "ü".repeat(64), "a".repeat(5000)),
);
const orNull = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });

const seq = fc.oneof(
  fc.integer({ min: 0, max: 100 }),
  fc.integer({ min: 31_000_000_000, max: 31_000_001_000 }),
  fc.constantFrom(0, 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
);
const timeMs = fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 });
const rev = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), fc.constantFrom(0n, 1n, 2n ** 63n - 1n));
const did = fc.oneof(
  fc.stringMatching(/^did:plc:[a-z2-7]{24}$/),
  fc.constantFrom("did:web:example.com", "did:web:ünïcode.example", ""),
);
const collection = fc.oneof(
  fc.constantFrom("app.bsky.feed.like", "app.bsky.feed.post", "com.atproto.lexicon.schema", "fm.teal.alpha.feed.play"),
  text,
);

const base = { seq, did, timeMs: orNull(timeMs), receivedAtMs: timeMs };

const fault: fc.Arbitrary<OpFault> = fc.record({
  reason: fc.constantFrom("missing-block", "hash-mismatch", "bad-path", "bad-cid", "duplicate-path"),
  detail: text,
});

/** Only what is dead may lack its record, or have one though it deletes. */
export const arbitraryOp: fc.Arbitrary<CommitOp> = fc
  .tuple(
    bytes,
    fc.record({
      action: fc.constantFrom("create", "update", "delete"),
      collection,
      rkey: fc.oneof(fc.stringMatching(/^[2-7a-z]{13}$/), text),
      cid: orNull(digest),
      prev: orNull(prefix),
      record: orNull(bytes),
      fault: fc.option(fault, { nil: null, freq: 4 }),
    }),
  )
  .map(([some, op]) =>
    op.fault === null ? { ...op, record: op.action === "delete" ? null : (op.record ?? some) } : op,
  );

export const arbitraryCommit: fc.Arbitrary<CommitEvent> = fc.record({
  kind: fc.constant("commit"),
  ...base,
  rev,
  since: orNull(rev),
  tree: prefix,
  prevTree: orNull(prefix),
  ops: fc.array(arbitraryOp, { maxLength: 6 }),
  rawFrame: orNull(bytes),
});

export const arbitraryEvent: fc.Arbitrary<FirehoseEvent> = fc.oneof(
  arbitraryCommit,
  fc.record({ kind: fc.constant("sync" as const), ...base, rev, tree: prefix }),
  fc.record({ kind: fc.constant("identity" as const), ...base, handle: orNull(text) }),
  fc.record({ kind: fc.constant("account" as const), ...base, active: fc.boolean(), status: orNull(text) }),
  fc.record({
    kind: fc.constant("rejected" as const),
    ...base,
    reason: fc.constantFrom("undecodable-frame", "broken-envelope", "broken-blocks", "over-limit", "future-rev"),
    detail: text,
    rawFrame: bytes,
  }),
);

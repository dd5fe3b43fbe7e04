import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CommitEvent, CommitOp, FirehoseEvent } from "../../../lib/core/event.ts";
import { decodeEnvelope, encodeEnvelope, keepOps } from "../../../lib/core/pack-envelope.ts";
import { arbitraryCommit, arbitraryEvent } from "../../support/arbitrary-events.ts";

function op(rkey: string, fields: Partial<CommitOp> = {}): CommitOp {
  return {
    action: "create",
    collection: "app.bsky.feed.like",
    rkey,
    cid: new Uint8Array(32).fill(4),
    prev: null,
    record: new Uint8Array([0xa0]),
    fault: null,
    ...fields,
  };
}

function commit(fields: Partial<CommitEvent> = {}): CommitEvent {
  return {
    kind: "commit",
    seq: 7,
    did: "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
    timeMs: 1_783_175_887_123,
    receivedAtMs: 1_783_175_887_200,
    rev: 1n,
    since: null,
    commit: new Uint8Array(32).fill(1),
    tree: new Uint8Array(32).fill(2),
    prevTree: null,
    ops: [op("3jzfcijpj2z2a")],
    rawFrame: null,
    ...fields,
  };
}

function decoded(bytes: Uint8Array): FirehoseEvent {
  const result = decodeEnvelope(bytes);
  if (!result.ok) throw new Error(`${result.reason} at ${result.offset}`);
  return result.event;
}

describe("an envelope by itself", () => {
  test("gives back every field of every kind of event", () => {
    fc.assert(
      fc.property(arbitraryEvent, (event) => {
        expect(decoded(encodeEnvelope(event))).toEqual(event);
      }),
      { numRuns: 1000 },
    );
  });

  test("is refused wherever it is cut off", () => {
    fc.assert(
      fc.property(arbitraryEvent, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (event, share) => {
        const bytes = encodeEnvelope(event);
        expect(decodeEnvelope(bytes.subarray(0, Math.floor(bytes.length * share))).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test("has one form only: changed bytes are refused or are another event's own form", () => {
    const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(arbitraryEvent, fc.array(change, { minLength: 1, maxLength: 3 }), (event, changes) => {
        const bytes = encodeEnvelope(event);
        for (const { at, to } of changes) bytes[at % bytes.length] = to;
        const result = decodeEnvelope(bytes);
        if (result.ok) expect(Buffer.compare(encodeEnvelope(result.event), bytes)).toBe(0);
      }),
      { numRuns: 3000 },
    );
  });

  test("bytes after it are refused with their place", () => {
    const bytes = encodeEnvelope(commit());
    expect(decodeEnvelope(Buffer.concat([bytes, Buffer.of(0)]))).toEqual({
      ok: false,
      reason: "trailing-bytes",
      offset: bytes.length,
    });
  });

  test.each([
    { what: "an unknown kind", bytes: [0x07, 0, 0, 0], reason: "bad-code", offset: 0 },
    { what: "an unknown flag", bytes: [0x82, 0, 0, 0], reason: "bad-flags", offset: 0 },
    { what: "minus zero", bytes: [0x03, 0x40, 0, 0], reason: "bad-varint", offset: 1 },
    {
      what: "a number longer than it needs to be",
      bytes: [0x03, 0x81, 0x80, 0x00, 0, 0],
      reason: "bad-varint",
      offset: 2,
    },
    {
      what: "a number past 53 bits",
      bytes: [0x03, 0xbf, ...Array(7).fill(0xff), 0x7f],
      reason: "bad-varint",
      offset: 2,
    },
    { what: "a text that is no UTF-8", bytes: [0x03, 0, 0, 1, 0xff], reason: "bad-text", offset: 4 },
    { what: "a text longer than what is left", bytes: [0x03, 0, 0, 5, 0x61], reason: "truncated", offset: 4 },
  ])("$what is refused with its place", ({ bytes, reason, offset }) => {
    expect(decodeEnvelope(Uint8Array.from(bytes))).toEqual({ ok: false, reason, offset });
  });

  test("a count of ops larger than the bytes could hold is refused before anything is made of it", () => {
    const bytes = encodeEnvelope(commit({ ops: [] }));
    const counted = Buffer.concat([bytes.subarray(0, -1), Buffer.from("ffffffff07", "hex")]);
    expect(decodeEnvelope(counted)).toEqual({ ok: false, reason: "over-limit", offset: bytes.length - 1 });
  });

  test("records are views of the bytes, not copies", () => {
    const bytes = encodeEnvelope(commit());
    const event = decoded(bytes);
    expect(event.kind === "commit" && event.ops[0]?.record?.buffer).toBe(bytes.buffer);
  });

  test("reads from a view that does not start where its buffer does", () => {
    const bytes = encodeEnvelope(commit());
    const shifted = Buffer.concat([Buffer.alloc(13, 0xff), bytes, Buffer.alloc(5, 0xff)]).subarray(
      13,
      13 + bytes.length,
    );
    expect(decoded(shifted)).toEqual(commit());
  });

  test.each([
    { what: "a digest of another length", event: commit({ tree: new Uint8Array(31) }) },
    { what: "a fraction as seq", event: commit({ seq: 1.5 }) },
    { what: "a seq past 53 bits", event: commit({ seq: 2 ** 53 }) },
    { what: "a time that is no number", event: commit({ timeMs: Number.NaN }) },
  ])("$what is a fault of the caller", ({ event }) => {
    expect(() => encodeEnvelope(event)).toThrow(RangeError);
  });
});

describe("keepOps", () => {
  const broken = op("b", { fault: { reason: "hash-mismatch", detail: "…" } });
  const raw = new Uint8Array([1, 2, 3]);

  test("leaves the chosen ops and everything else as it was", () => {
    fc.assert(
      fc.property(arbitraryCommit, fc.infiniteStream(fc.boolean()), (event, stream) => {
        const choice = event.ops.map(() => stream.next().value);
        const kept = keepOps(event, (_, index) => choice[index] === true);
        expect(kept.ops).toEqual(event.ops.filter((_, index) => choice[index]));
        expect({ ...kept, ops: [], rawFrame: null }).toEqual({ ...event, ops: [], rawFrame: null });
      }),
    );
  });

  test("keeps the raw frame only while an op with a fault needs it", () => {
    const event = commit({ ops: [op("a"), broken], rawFrame: raw });
    expect(keepOps(event, ({ rkey }) => rkey === "b").rawFrame).toBe(raw);
    expect(keepOps(event, ({ rkey }) => rkey === "a").rawFrame).toBeNull();
  });
});

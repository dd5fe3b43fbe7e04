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
    cid: null,
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
    tree: new Uint8Array(16).fill(2),
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

  test.each([
    { what: "creates without its record", action: "create" as const, record: null },
    { what: "deletes with a record", action: "delete" as const, record: Uint8Array.of(0xa0) },
  ])("an op that $what is refused, unless it is dead", ({ action, record }) => {
    const op = { action, collection: "app.bsky.feed.like", rkey: "3l3qo2vutsw2b", cid: null, prev: null, record };
    const fault = { reason: "missing-block" as const, detail: "made up" };
    expect(decodeEnvelope(encodeEnvelope({ ...commit(), ops: [{ ...op, fault: null }] }))).toMatchObject({
      ok: false,
      reason: "bad-flags",
    });
    expect(decodeEnvelope(encodeEnvelope({ ...commit(), ops: [{ ...op, fault }] }))).toMatchObject({ ok: true });
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
    { what: "an unknown kind", words: [0x07, 0], figures: [0, 0], reason: "bad-code", offset: 1 },
    { what: "an unknown flag", words: [0x82, 0], figures: [0, 0], reason: "bad-flags", offset: 1 },
    { what: "minus zero", words: [0x03, 0], figures: [0x40, 0], reason: "bad-varint", offset: 3 },
    {
      what: "a number longer than it needs to be",
      words: [0x03, 0],
      figures: [0x81, 0x80, 0x00, 0],
      reason: "bad-varint",
      offset: 4,
    },
    {
      what: "a number past 53 bits",
      words: [0x03, 0],
      figures: [0xbf, ...Array<number>(7).fill(0xff), 0x7f],
      reason: "bad-varint",
      offset: 4,
    },
    { what: "a text that is no UTF-8", words: [0x03, 1, 0xff], figures: [0, 0], reason: "bad-text", offset: 3 },
    {
      what: "a text that would go on among the figures",
      words: [0x03, 5, 0x61],
      figures: [0, 0, 0, 0],
      reason: "truncated",
      offset: 3,
    },
    {
      what: "a code that would be the first of the figures",
      words: [0x01, 0],
      figures: Array<number>(20).fill(0),
      reason: "truncated",
      offset: 3,
    },
    { what: "a number where the figures have ended", words: [0x03, 0], figures: [0], reason: "truncated", offset: 4 },
    { what: "a rev before 1970", words: [0x02, 0], figures: [0, 0, 0x41, 0], reason: "bad-varint", offset: 5 },
    {
      what: "a clock id past ten bits",
      words: [0x02, 0],
      figures: [0, 0, 0, 0x80, 0x08],
      reason: "bad-varint",
      offset: 5,
    },
  ])("$what is refused with its place", ({ words, figures, reason, offset }) => {
    expect(decodeEnvelope(Uint8Array.from([words.length, ...words, ...figures]))).toEqual({
      ok: false,
      reason,
      offset,
    });
  });

  test("words that are said to be longer than the bytes are refused", () => {
    expect(decodeEnvelope(Uint8Array.of(4, 0x03, 0, 0))).toEqual({ ok: false, reason: "truncated", offset: 1 });
  });

  test("a record key that is a TID has one form: as text it is refused", () => {
    const words = (rkey: string) => [0x01, 0, 1, 0x03, 1, rkey.length, ...Buffer.from(rkey)];
    const figures = [0, 0, 0, 0, ...Array<number>(16).fill(0)];
    const read = (rkey: string) => {
      const written = words(rkey);
      return decodeEnvelope(Uint8Array.from([written.length, ...written, ...figures]));
    };
    expect(read("3jzfcijpj2z2A")).toMatchObject({ ok: true, event: { ops: [{ rkey: "3jzfcijpj2z2A" }] } });
    expect(read("3jzfcijpj2z2a")).toEqual({ ok: false, reason: "bad-code", offset: 6 });
  });

  test("a count of ops larger than the bytes could hold is refused before anything is made of it", () => {
    const bytes = encodeEnvelope(commit({ ops: [] }));
    const wordsLength = bytes[0] ?? 0;
    const counted = Buffer.concat([
      Buffer.of(wordsLength + 4),
      bytes.subarray(1, wordsLength),
      Buffer.from("ffffffff07", "hex"),
      bytes.subarray(1 + wordsLength),
    ]);
    expect(decodeEnvelope(counted)).toEqual({ ok: false, reason: "over-limit", offset: wordsLength });
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
    { what: "a tree of another length", event: commit({ tree: new Uint8Array(32) }) },
    { what: "a rev past 63 bits", event: commit({ rev: 2n ** 63n }) },
    { what: "a rev below zero", event: commit({ rev: -1n }) },
    { what: "a digest of another length", event: commit({ ops: [op("a", { cid: new Uint8Array(31) })] }) },
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

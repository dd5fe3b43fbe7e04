import { crc32, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteWriter } from "../../../lib/core/byte-writer.ts";
import type { FirehoseEvent, IdentityEvent } from "../../../lib/core/event.ts";
import { decodePack, encodePack, type Pack, readEnvelopes, readPack } from "../../../lib/core/pack.ts";
import { PackBuilder } from "../../../lib/core/pack-builder.ts";
import { arbitraryEvent } from "../../support/arbitrary-events.ts";

const IDENTITY = { lane: 2, lanes: 8, relay: "bsky.network", epoch: 1, fence: 5, number: 9 } as const;

function identity(seq: number): IdentityEvent {
  return {
    kind: "identity",
    seq,
    did: "did:web:example.com",
    timeMs: null,
    receivedAtMs: seq * 10,
    handle: `h${seq}.test`,
  };
}

function packOf(events: readonly FirehoseEvent[]): Pack {
  const builder = new PackBuilder();
  for (const event of events) builder.append(event);
  return builder.seal(IDENTITY);
}

function eventsOf(pack: Pack): FirehoseEvent[] {
  const result = readPack(pack);
  if (!result.ok) throw new Error(`${result.reason} at ${result.offset}`);
  return result.events;
}

/** Bytes with the sum made right again, so that what stands behind the check is reached. */
function resummed(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(6, crc32(bytes.subarray(10)), true);
  return bytes;
}

const inOrder = fc
  .array(arbitraryEvent, { minLength: 1, maxLength: 12 })
  .map((events) => events.toSorted((a, b) => a.seq - b.seq));

describe("building packs", () => {
  test("every event comes back, in order, from any mixture of kinds", () => {
    fc.assert(
      fc.property(inOrder, (events) => {
        const pack = packOf(events);
        expect(eventsOf(pack)).toEqual(events);
        expect(pack.header).toEqual({
          ...IDENTITY,
          firstSeq: events[0]?.seq,
          lastSeq: events.at(-1)?.seq,
          count: events.length,
        });
      }),
      { numRuns: 300 },
    );
  });

  test("a sealed pack is not touched by what the builder does next", () => {
    const builder = new PackBuilder();
    builder.append(identity(1));
    const first = builder.seal(IDENTITY);
    for (let seq = 2; seq < 500; seq++) builder.append(identity(seq));
    builder.seal({ ...IDENTITY, number: 10 });
    expect(eventsOf(first)).toEqual([identity(1)]);
  });

  test("counts events and bytes until it is sealed", () => {
    const builder = new PackBuilder();
    builder.append(identity(1));
    builder.append(identity(2));
    const { byteLength, count } = builder;
    expect({ count, byteLength }).toEqual({ count: 2, byteLength: builder.seal(IDENTITY).body.length });
    expect({ count: builder.count, byteLength: builder.byteLength }).toEqual({ count: 0, byteLength: 0 });
  });

  test("an event that cannot be written leaves no trace", () => {
    const builder = new PackBuilder();
    builder.append(identity(1));
    expect(() => builder.append({ ...identity(2), timeMs: 0.5 })).toThrow(RangeError);
    builder.append(identity(3));
    expect(eventsOf(builder.seal(IDENTITY))).toEqual([identity(1), identity(3)]);
  });

  test("a rev past 63 bits is no TID, however near to the one before", () => {
    const sync = { ...identity(1), kind: "sync", rev: 2n ** 63n - 1n, tree: new Uint8Array(16) } as const;
    const builder = new PackBuilder();
    builder.append(sync);
    expect(() => builder.append({ ...sync, rev: 2n ** 63n })).toThrow(RangeError);
    expect(eventsOf(builder.seal(IDENTITY))).toMatchObject([{ rev: sync.rev }]);
  });

  test("an empty pack cannot be sealed", () => {
    expect(() => new PackBuilder().seal(IDENTITY)).toThrow(RangeError);
  });

  test("an event larger than the buffer fits", () => {
    const huge: FirehoseEvent = {
      ...identity(2),
      kind: "rejected",
      reason: "undecodable-frame",
      detail: "x",
      rawFrame: new Uint8Array(5 * 1024 * 1024).fill(7),
    };
    const events = [identity(1), huge, identity(3)];
    const builder = new PackBuilder();
    for (const event of events) builder.append(event);
    const pack = builder.seal(IDENTITY);
    expect(readPack(pack).ok).toBe(true);
    expect(decodePack(encodePack(pack))).toMatchObject({ ok: true, pack: { header: pack.header } });
  });
});

describe("pack bytes", () => {
  const pack = packOf([identity(1), identity(2), identity(900)]);
  const bytes = encodePack(pack);

  test("give back header and body", () => {
    fc.assert(
      fc.property(inOrder, (events) => {
        const made = packOf(events);
        const result = decodePack(encodePack(made));
        expect(result.ok && result.pack.header).toEqual(made.header);
        expect(result.ok && Buffer.compare(result.pack.body, made.body)).toBe(0);
      }),
    );
  });

  test("are refused when one byte is another, wherever it stands", () => {
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      expect(decodePack(damaged).ok, `byte ${at}`).toBe(false);
    }
  });

  test("are refused when cut anywhere, or when a byte follows", () => {
    for (let length = 0; length < bytes.length; length++) expect(decodePack(bytes.subarray(0, length)).ok).toBe(false);
    expect(decodePack(Buffer.concat([bytes, Buffer.of(0)]))).toMatchObject({ ok: false, reason: "crc-mismatch" });
    expect(decodePack(resummed(Buffer.concat([bytes, Buffer.of(0)])))).toMatchObject({
      ok: false,
      reason: "trailing-bytes",
      offset: bytes.length,
    });
  });

  test.each([
    { what: "another magic", at: 0, to: 0x54, reason: "bad-magic" },
    { what: "another version", at: 4, to: 1, reason: "unknown-version" },
    { what: "another codec", at: 5, to: 0, reason: "unknown-codec" },
    { what: "a wrong checksum", at: 6, to: (bytes[6] ?? 0) ^ 1, reason: "crc-mismatch" },
  ])("of $what say so", ({ at, to, reason }) => {
    const damaged = Buffer.from(bytes);
    damaged[at] = to;
    expect(decodePack(damaged)).toEqual({ ok: false, reason, offset: at });
  });

  test.each([
    { what: "a lane outside the lanes", header: { lane: 8 } },
    { what: "a last seq before the first", header: { lastSeq: 0 } },
    { what: "a number below one", header: { number: 0 } },
    { what: "no event", header: { count: 0 } },
    { what: "an epoch that the database cannot hold", header: { epoch: 2 ** 31 } },
    { what: "a relay longer than a host", header: { relay: "x".repeat(300) } },
  ])("whose header has $what are refused", ({ header }) => {
    const made = encodePack({ header: { ...pack.header, ...header }, body: pack.body });
    expect(decodePack(made)).toMatchObject({ ok: false, reason: "bad-header" });
  });

  const wordsEnd = 1 + (pack.body[0] ?? 0);
  const words = pack.body.subarray(0, wordsEnd);
  const figures = pack.body.subarray(wordsEnd);

  /** A pack around any stored halves, for what the encoder never makes. */
  function around(stored: Uint8Array, inflatedBytes: number, behind: Uint8Array = figures): Uint8Array {
    const out = new ByteWriter(stored.length + behind.length + 200);
    for (const byte of bytes.subarray(0, 10)) out.byte(byte);
    for (const field of [2, 8, 1, 5, 9, 1, 900, 3]) out.varint(field);
    out.text("bsky.network");
    out.varint(inflatedBytes);
    out.block(stored);
    out.block(behind);
    return resummed(out.copy());
  }

  test("that would inflate past the limit, or past what they say, are refused before the memory is taken", () => {
    const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
    expect(decodePack(around(bomb, 64 * 1024 * 1024))).toMatchObject({ ok: false, reason: "over-limit" });
    const before = process.memoryUsage().arrayBuffers;
    expect(decodePack(around(bomb, 1000))).toMatchObject({ ok: false, reason: "bad-body" });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  });

  test("whose words have another length than they say, or something behind them, are refused", () => {
    const stored = zstdCompressSync(words);
    expect(decodePack(around(stored, words.length))).toEqual({ ok: true, pack });
    expect(decodePack(around(stored, words.length + 1))).toMatchObject({ reason: "bad-body" });
    expect(decodePack(around(Buffer.concat([stored, Buffer.of(1)]), words.length))).toMatchObject({
      reason: "bad-body",
    });
    expect(decodePack(around(Buffer.concat([stored, stored]), words.length))).toMatchObject({ reason: "bad-body" });
  });

  test("that part the same body elsewhere are refused: a pack has one form", () => {
    const all = around(zstdCompressSync(pack.body), pack.body.length, new Uint8Array());
    expect(decodePack(all)).toMatchObject({ reason: "bad-body" });
    const fewer = around(zstdCompressSync(words.subarray(0, -1)), words.length - 1, pack.body.subarray(wordsEnd - 1));
    expect(decodePack(fewer)).toMatchObject({ reason: "bad-body" });
  });

  test("count the figures against the limit", () => {
    const limits = { maxEvents: 10, maxOps: 10, maxBodyBytes: pack.body.length };
    expect(decodePack(bytes, limits).ok).toBe(true);
    expect(decodePack(bytes, { ...limits, maxBodyBytes: pack.body.length - 1 })).toMatchObject({
      ok: false,
      reason: "over-limit",
    });
  });

  test("of a body that is none keep it as it is, for its dead letter", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const result = decodePack(encodePack({ header: pack.header, body: noise }));
        expect(result.ok && Buffer.compare(result.pack.body, noise)).toBe(0);
      }),
      { examples: [[new Uint8Array()], [Uint8Array.of(0x80)], [Uint8Array.of(5, 1)], [Uint8Array.of(0, 1, 2)]] },
    );
  });

  test("with more events than the limit are refused", () => {
    const limits = { maxEvents: 2, maxOps: 10, maxBodyBytes: 10_000 };
    expect(decodePack(bytes, limits)).toMatchObject({ ok: false, reason: "over-limit" });
    expect(readEnvelopes(pack.body, limits)).toMatchObject({ ok: false, reason: "over-limit" });
  });
});

describe("reading a body", () => {
  test("one damaged envelope spoils the body, and the place is told", () => {
    const body = packOf([identity(1), identity(2)]).body.slice();
    const second = 1 + (packOf([identity(1)]).body[0] ?? 0);
    body[second] = 0x07;
    expect(readEnvelopes(body)).toEqual({ ok: false, reason: "bad-code", offset: second });
  });

  test("figures that no envelope takes are refused", () => {
    const body = Buffer.concat([packOf([identity(1)]).body, Buffer.of(0)]);
    expect(readEnvelopes(body)).toEqual({ ok: false, reason: "trailing-bytes", offset: body.length - 1 });
  });

  test("a rev that its distance takes past 63 bits is refused", () => {
    const latest = [0xbf, ...Array<number>(6).fill(0xff), 0x1f];
    const tree = Array<number>(16).fill(0);
    const sync = (micros: readonly number[]) => [0, 0, ...micros, 0, ...tree];
    const words = [4, 0x02, 0, 0x02, 0];
    expect(readEnvelopes(Uint8Array.from([...words, ...sync(latest), ...sync([0])])).ok).toBe(true);
    expect(readEnvelopes(Uint8Array.from([...words, ...sync(latest), ...sync([1])]))).toEqual({
      ok: false,
      reason: "bad-varint",
      offset: words.length + sync(latest).length + 2,
    });
  });

  test("ops count together against the limit", () => {
    const op = {
      action: "delete",
      collection: "a.b.c",
      rkey: "x",
      cid: null,
      prev: null,
      record: null,
      fault: null,
    } as const;
    const commit: FirehoseEvent = {
      ...identity(1),
      kind: "commit",
      rev: 1n,
      since: null,
      tree: new Uint8Array(16),
      prevTree: null,
      ops: [op, op, op],
      rawFrame: null,
    };
    const { body } = packOf([commit, commit]);
    expect(readEnvelopes(body, { maxEvents: 10, maxOps: 6 }).ok).toBe(true);
    expect(readEnvelopes(body, { maxEvents: 10, maxOps: 5 })).toMatchObject({ ok: false, reason: "over-limit" });
  });

  test.each([
    { field: "count", header: { count: 3 } },
    { field: "firstSeq", header: { firstSeq: 2 } },
    { field: "lastSeq", header: { lastSeq: 3 } },
  ])("events that contradict the header's $field are refused", ({ header }) => {
    const made = packOf([identity(1), identity(2)]);
    expect(readPack({ ...made, header: { ...made.header, ...header } })).toMatchObject({ reason: "header-mismatch" });
  });

  test("random bytes are refused or read, never a crash", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        readEnvelopes(noise);
        decodePack(noise);
      }),
      { numRuns: 2000 },
    );
  });
});

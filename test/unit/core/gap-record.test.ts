import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Gap } from "../../../lib/core/cursor.ts";
import { decodeGap, encodeGap, isGapRecord } from "../../../lib/core/gap-record.ts";
import { encodePack } from "../../../lib/core/pack.ts";
import { makePack } from "../../support/packs.ts";

const gap: Gap = {
  reason: "outdated-cursor",
  relay: "bsky.network",
  epoch: 2,
  afterSeq: 10,
  beforeSeq: 31_527_015_322,
  fromTimeMs: null,
  toTimeMs: 1_795_000_000_651,
  detail: "the relay keeps nothing so old",
};

const optional = fc.option(fc.maxSafeInteger(), { nil: null });
const gaps: fc.Arbitrary<Gap> = fc.record({
  reason: fc.constantFrom("outdated-cursor", "relay-switch", "new-epoch", "missing-pack", "stream-lost"),
  relay: fc.string(),
  epoch: fc.nat(),
  afterSeq: optional,
  beforeSeq: optional,
  fromTimeMs: optional,
  toTimeMs: optional,
  detail: fc.string({ unit: "grapheme" }),
});

describe("a gap as a record of the stream", () => {
  test("is read as it was written, whatever is known of it", () => {
    fc.assert(
      fc.property(gaps, (written) => {
        expect(decodeGap(encodeGap(written))).toEqual({ ok: true, gap: written });
      }),
    );
  });

  test("is told from a pack", () => {
    expect([isGapRecord(encodeGap(gap)), isGapRecord(encodePack(makePack({ lane: 0, number: 1 })))]).toEqual([
      true,
      false,
    ]);
  });

  test("is refused when any byte is another, missing or too many", () => {
    const bytes = encodeGap(gap);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] ?? 0) ^ change;
        expect(decodeGap(damaged).ok).toBe(false);
        expect(decodeGap(bytes.subarray(0, at)).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
    expect(decodeGap(Buffer.concat([bytes, Buffer.of(0)])).ok).toBe(false);
  });

  test("is refused with an epoch that the ledger cannot hold", () => {
    expect(decodeGap(encodeGap({ ...gap, epoch: 2 ** 31 }))).toMatchObject({ ok: false, reason: "bad-gap" });
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodePack } from "../../../../lib/core/pack.ts";
import {
  decodePackReference,
  encodePackReference,
  type PackReference,
} from "../../../../lib/stream/kinesis/pack-reference.ts";
import { readRecord } from "../../../../lib/stream/kinesis/read-record.ts";
import { noise } from "../../../support/large-events.ts";
import { makePack } from "../../../support/packs.ts";

const { header } = makePack({ lane: 3, number: 9, events: 1 });
const reference: PackReference = {
  header,
  key: "large-packs/3/1-9-0011223344556677.spk",
  digest: noise(32, 1),
  byteLength: 3_000_000,
};

describe("a reference to a pack in the bucket", () => {
  test("is read as it was written", () => {
    expect(readRecord(encodePackReference(reference))).toMatchObject({ ok: true, kind: "reference", reference });
  });

  test("is told from a pack", () => {
    const pack = makePack({ lane: 1, number: 1 });
    expect(readRecord(encodePack(pack))).toMatchObject({ ok: true, kind: "pack", pack: { header: pack.header } });
  });

  test("is refused when any byte is another, missing or too many", () => {
    const bytes = encodePackReference(reference);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] ?? 0) ^ change;
        expect(decodePackReference(damaged).ok).toBe(false);
        expect(decodePackReference(bytes.subarray(0, at)).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
    expect(decodePackReference(Buffer.concat([bytes, Buffer.of(0)])).ok).toBe(false);
  });

  test("is refused where its header contradicts itself", () => {
    const impossible = { ...reference, header: { ...header, lane: header.lanes } };
    expect(decodePackReference(encodePackReference(impossible))).toMatchObject({ ok: false, reason: "bad-header" });
  });

  test.each([
    { what: "an epoch that the database cannot hold", field: { epoch: 2 ** 31 } },
    { what: "a relay longer than a host", field: { relay: "x".repeat(300) } },
  ])("is refused with $what, as a pack is", ({ field }) => {
    const bytes = encodePackReference({ ...reference, header: { ...header, ...field } });
    expect(decodePackReference(bytes)).toMatchObject({ ok: false, reason: "bad-header" });
  });
});

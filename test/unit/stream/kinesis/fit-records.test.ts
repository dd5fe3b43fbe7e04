import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodePack } from "../../../../lib/core/pack.ts";
import { fitRecords } from "../../../../lib/stream/kinesis/fit-records.ts";
import { digestOf, packOf, rejectedEvent } from "../../../support/large-events.ts";
import { eventsOf, makePack } from "../../../support/packs.ts";

const MAX_BYTES = 10_000;

function fit(sizes: readonly number[], firstNumber = 1) {
  const events = sizes.map((bytes, index) => rejectedEvent(index + 1, bytes));
  const pack = packOf(events, { lane: 2, number: 1 });
  return { events, fitted: fitRecords(pack, { firstNumber, maxBytes: MAX_BYTES }) };
}

describe("fitting packs into records", () => {
  test("leaves a pack that fits as it is", () => {
    const pack = makePack({ lane: 1, number: 5, events: 10 });
    const fitted = fitRecords(pack, { firstNumber: 5, maxBytes: MAX_BYTES });
    expect(fitted.map(({ pack: { header } }) => header)).toEqual([pack.header]);
    expect(fitted[0]?.fits).toBe(true);
    const read = decodePack(fitted[0]?.bytes ?? new Uint8Array());
    expect(read.ok && eventsOf(read.pack)).toEqual(eventsOf(pack));
  });

  test("cuts off the large event at the end, and numbers what comes of it without a gap", () => {
    const { fitted } = fit([100, 100, 9_000, 30_000], 7);
    expect(fitted.map(({ pack, fits }) => [pack.header.number, pack.header.count, fits])).toEqual([
      [7, 3, true],
      [8, 1, false],
    ]);
  });

  test("keeps every event once and in order, in as many records as it takes", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 15_000 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(sizes, (given) => {
        const { events, fitted } = fit(given);
        expect(digestOf(fitted.flatMap(({ pack }) => eventsOf(pack)))).toBe(digestOf(events));
        expect(fitted.map(({ pack }) => pack.header.number)).toEqual(fitted.map((_, index) => index + 1));
        for (const { pack, bytes, fits } of fitted) {
          expect(decodePack(bytes).ok).toBe(true);
          expect(fits ? bytes.length <= MAX_BYTES : pack.header.count === 1).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createdAtText, edgeCreated, isWholeText, packCreatedAt } from "../../../lib/core/created-at.ts";

describe("createdAt as a number", () => {
  it.each([
    "2026-11-21T01:45:05.352Z",
    "2026-11-21T01:45:05Z",
    "2026-11-21T01:45:05.352123Z",
    "2026-11-21T01:45:05.352+00:00",
    "2026-11-21T01:45:05+00:00",
    "2026-11-21T01:45:05.352123+00:00",
    "1969-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
    "2024-02-29T00:00:00Z",
    "1970-01-01T00:00:00.000001Z",
  ])("says all of %s", (text) => {
    const created = packCreatedAt(text);
    expect(isWholeText(created)).toBe(true);
    expect(createdAtText(created ?? 0n)).toBe(text);
  });

  it.each([
    ["2026-11-21T02:45:05.352+01:00", Date.UTC(2026, 10, 21, 1, 45, 5, 352)],
    ["2026-11-21T01:45:05.3Z", Date.UTC(2026, 10, 21, 1, 45, 5, 300)],
    ["0000-01-01T00:00:00.000Z", -62_167_219_200_000],
    ["2026-11-21 01:45:05Z", Date.UTC(2026, 10, 21, 1, 45, 5)],
  ])("keeps the time of %s but not its text", (text, ms) => {
    const created = packCreatedAt(text);
    expect(isWholeText(created)).toBe(false);
    expect(Number((created ?? 0n) >> 4n) / 1000).toBe(ms);
  });

  it.each(["yesterday", "", "infinity", "2026-02-30T00:00:00.000Zx", "+275760-09-13T00:00:00.000Z"])(
    "knows no time in %j",
    (text) => {
      expect(packCreatedAt(text)).toBeNull();
    },
  );

  it("gives no text back that a calendar has not: 30th of February, second 60, hour 24", () => {
    for (const text of [
      "2026-02-30T00:00:00.000Z",
      "2026-02-29T00:00:00Z",
      "2026-01-01T00:00:60Z",
      "2026-01-01T24:00:00Z",
    ]) {
      expect(isWholeText(packCreatedAt(text))).toBe(false);
    }
  });

  it("gives back every time of every form, whatever it is", () => {
    const time = fc.date({
      min: new Date("0001-01-01T00:00:00Z"),
      max: new Date("9999-12-31T23:59:59Z"),
      noInvalidDate: true,
    });
    const form = fc.constantFrom(["", "Z"], [".123", "Z"], [".000001", "+00:00"], [".999999", "Z"], ["", "+00:00"]);
    fc.assert(
      fc.property(time, form, (date, [fraction = "", zone = ""]) => {
        const text = `${date.toISOString().slice(0, 19)}${fraction}${zone}`;
        expect(createdAtText(packCreatedAt(text) ?? 0n)).toBe(text);
      }),
    );
  });
});

describe("createdAt beside the time of an rkey", () => {
  const keyMs = Date.UTC(2026, 10, 21, 1, 45, 5, 352);
  const rkey = ((BigInt(keyMs) * 1000n + 999n) << 10n) | 1023n;
  const at = (distanceMs: number, digits: number, zone = "Z"): bigint | null => {
    const text = new Date(keyMs + distanceMs).toISOString();
    return packCreatedAt(
      `${text.slice(0, 19)}${digits === 0 ? "" : `${text.slice(19, 23)}${"0".repeat(digits - 3)}`}${zone}`,
    );
  };

  it("is the distance in milliseconds and the code of the form", () => {
    expect(edgeCreated(at(0, 3), rkey)).toBe(0);
    expect(edgeCreated(at(-50, 3), rkey)).toBe(-50 * 16);
    expect(edgeCreated(at(1_234, 3, "+00:00"), rkey)).toBe(1_234 * 16 + 3);
    expect(edgeCreated(at(-352, 0), rkey)).toBe(-352 * 16 + 1);
  });

  it("is the distance in microseconds where the text has them", () => {
    expect(edgeCreated(at(0, 6), rkey)).toBe(-999 * 16 + 2);
    expect(edgeCreated(at(1_000, 6, "+00:00"), rkey)).toBe((1_000_000 - 999) * 16 + 5);
  });

  it.each([
    { digits: 3, limitMs: 2 ** 27 },
    { digits: 6, limitMs: 2 ** 27 / 1000 },
  ])("is told up to $limitMs ms, and not beyond", ({ digits, limitMs }) => {
    const inside = Math.floor(limitMs) - 1;
    expect(edgeCreated(at(inside, digits), rkey)).not.toBeNull();
    expect(edgeCreated(at(-inside, digits), rkey)).not.toBeNull();
    expect(edgeCreated(at(inside + 3, digits), rkey)).toBeNull();
    expect(edgeCreated(at(-inside - 3, digits), rkey)).toBeNull();
  });

  it("is not told of a text that the number does not give back, nor of no time", () => {
    expect(edgeCreated(packCreatedAt("2026-11-21T01:45:05.352+01:00"), rkey)).toBeNull();
    expect(edgeCreated(null, rkey)).toBeNull();
  });
});

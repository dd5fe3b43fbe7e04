import { describe, expect, test } from "vitest";
import { rise } from "../../bench/trend.ts";
import { faultsOfSoak, type Look, type SoakLimits } from "../../soak/watch.ts";

const LIMITS: SoakLimits = {
  residentMb: 200,
  residentRiseMb: 10,
  heapRiseMb: 10,
  handlesRise: 2,
  connections: 4,
  behindEvents: 1_000,
};

const looks = (change: (index: number) => Partial<Look> = () => ({})): Look[] =>
  Array.from({ length: 50 }, (_, index) => ({
    atSeconds: index * 5,
    residentMb: 150 + (index % 2),
    heapMb: 40,
    handles: 30,
    connections: 4,
    behind: 10,
    cursor: index * 10_000,
    ...change(index),
  }));

describe("the judgement of a soak", () => {
  test("is silent where nothing grows, whatever the start was like", () => {
    expect(faultsOfSoak(looks(), LIMITS)).toEqual([]);
    expect(
      faultsOfSoak(
        looks((index) => (index < 5 ? { residentMb: 90, behind: 50_000 } : {})),
        LIMITS,
      ),
    ).toEqual([]);
  });

  test.each<[keyof Look, (index: number) => number, string]>([
    ["residentMb", (index) => 150 + index * 0.5, "resident MB, rise: 19.5, 10 at the most"],
    ["residentMb", (index) => (index === 30 ? 230 : 150), "resident MB, the most: 230.0, 200 at the most"],
    ["heapMb", (index) => 40 + index, "heap MB, rise: 39.0, 10 at the most"],
    ["handles", (index) => 30 + Math.floor(index / 5), "file handles, rise"],
    ["connections", (index) => (index === 40 ? 5 : 4), "connections, the most: 5.0, 4 at the most"],
    ["behind", (index) => index * 100, "events behind, the most of the last fifth: 4900.0, 1000 at the most"],
    // A figure that could not be read is none that is right.
    ["heapMb", () => Number.NaN, "heap MB, rise: NaN"],
  ])("tells of %s", (name, of, line) => {
    expect(
      faultsOfSoak(
        looks((index) => ({ [name]: of(index) })),
        LIMITS,
      ),
    ).toEqual([expect.stringContaining(line)]);
  });

  test("knows what a line rises", () => {
    expect(rise([1, 2, 3, 4].map((value, index) => ({ atSeconds: index * 10, value })))).toBeCloseTo(3);
    expect(rise([])).toBe(0);
  });
});

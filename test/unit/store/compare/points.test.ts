import { expect, test } from "vitest";
import { samplePoints } from "../../../../lib/store/compare/points.ts";

test("a seed gives the same points each time, the first ones also where fewer are asked for", () => {
  expect(samplePoints(1, 20)).toEqual(samplePoints(1, 20));
  expect(samplePoints(1, 5)).toEqual(samplePoints(1, 20).slice(0, 5));
  expect(samplePoints(2, 20)).not.toEqual(samplePoints(1, 20));
});

test("points are spread over all of did:plc, and some are in did:web", () => {
  const points = samplePoints(1, 2_000);
  const plc = points.filter((point) => point.startsWith("did:plc:"));
  expect(points.length - plc.length).toBe(100);
  const firsts = Map.groupBy(plc, (point) => point.slice(0, "did:plc:".length + 1));
  expect(firsts.size).toBe(32);
  for (const some of firsts.values()) expect(some.length).toBeGreaterThan(1_900 / 32 / 2);
});

import { expect, it } from "vitest";
import { rounds } from "../../bench/rounds.ts";

/** How many are run where each takes so many seconds. */
function countOf(
  seconds: number,
  limits: { readonly least: number; readonly most: number; readonly withinSeconds: number },
) {
  let atMs = 1000;
  let count = 0;
  for (const _ of rounds({ ...limits, now: () => atMs })) {
    atMs += seconds * 1000;
    count += 1;
  }
  return count;
}

it("runs as many rounds as wanted where there is time", () => {
  expect(countOf(1, { least: 3, most: 7, withinSeconds: 60 })).toBe(7);
});

it("begins none that would end too late", () => {
  expect(countOf(10, { least: 1, most: 7, withinSeconds: 35 })).toBe(3);
});

it("runs the fewest that say anything on a machine that is too slow", () => {
  expect(countOf(100, { least: 3, most: 7, withinSeconds: 60 })).toBe(3);
});

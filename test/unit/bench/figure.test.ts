import { describe, expect, it } from "vitest";
import {
  cellsOf,
  type Figure,
  formatNumber,
  formatQuantity,
  isMet,
  markdownTables,
  median,
  percentile,
  ratioOf,
  summary,
  textTable,
} from "../../bench/figure.ts";

const rate: Figure = {
  part: "index",
  name: "events/s",
  value: 30_123.4,
  unit: "events/s",
  spread: [28_000, 31_999],
  runs: 5,
  budget: { atLeast: 25_000 },
  peer: { name: "another", value: 350 },
};
const size: Figure = { part: "pack", name: "bytes", value: 160.5, unit: "B", budget: { atMost: 160 } };

describe("statistics", () => {
  it("takes the middle one, or the mean of the two in the middle", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([9, 1, 5, 6])).toBe(5.5);
    expect(median([])).toBeNaN();
  });

  it("takes a value that was measured as a percentile", () => {
    const numbers = Array.from({ length: 200 }, (_, index) => index + 1);
    expect(percentile(numbers, 0.99)).toBe(198);
    expect(percentile(numbers, 0.5)).toBe(100);
    expect(percentile([7], 0.01)).toBe(7);
    expect(percentile([], 0.5)).toBeNaN();
  });

  it("sums up runs", () => {
    expect(summary([3, 1, 2])).toEqual({ value: 2, spread: [1, 3], runs: 3 });
  });
});

describe("numbers", () => {
  it.each([
    [0, "0"],
    [12, "12"],
    [1_234_567, "1,234,567"],
    [1234.56, "1,235"],
    [145.2, "145"],
    [14.52, "14.5"],
    [1.4567, "1.46"],
    [0.0456, "0.046"],
    [-3.579, "-3.58"],
    [Number.NaN, "none"],
  ])("writes %d as %s", (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  it("writes a ratio without a space and a unit with one", () => {
    expect(formatQuantity(21.24, "×")).toBe("21.2×");
    expect(formatQuantity(4, "ms")).toBe("4 ms");
    expect(formatQuantity(9, "")).toBe("9");
  });
});

describe("budgets and peers", () => {
  it("compares in the direction of the budget", () => {
    expect(isMet(rate)).toBe(true);
    expect(isMet({ ...rate, value: 24_999 })).toBe(false);
    expect(isMet(size)).toBe(false);
    expect(isMet({ ...size, value: 160 })).toBe(true);
  });

  it("has no answer without a budget, and no number meets none", () => {
    expect(isMet({ part: "pack", name: "bytes", value: 1, unit: "B" })).toBeUndefined();
    expect(isMet({ ...size, value: Number.NaN })).toBe(false);
  });

  it("gives how many times better than the peer", () => {
    expect(ratioOf({ ...rate, value: 700 })).toBe(2);
    expect(ratioOf({ ...size, value: 100, peer: { name: "another", value: 300 } })).toBe(3);
    expect(ratioOf({ ...rate, ratio: 80 })).toBe(80);
    expect(ratioOf(size)).toBeUndefined();
  });
});

describe("tables", () => {
  it("has a cell for each column", () => {
    expect(cellsOf(rate)).toEqual([
      "events/s",
      "30,123 events/s (28,000 to 31,999, 5 runs)",
      "≥ 25,000 events/s",
      "another 350 events/s",
      "86.1×",
      "yes",
    ]);
    expect(cellsOf(size)).toEqual(["bytes", "161 B", "≤ 160 B", "", "", "NO"]);
    expect(cellsOf({ ...size, spread: [161, 161], runs: 1 })[1]).toBe("161 B (1 run)");
  });

  it("aligns columns on a terminal and puts notes below their figure", () => {
    const lines = textTable([{ ...size, note: "as measured" }, rate]).split("\n");
    const column = lines[0]?.indexOf("budget");
    expect(lines.find((line) => line.includes("161 B"))?.indexOf("≤")).toBe(column);
    expect(lines.find((line) => line.includes("30,123"))?.indexOf("≥")).toBe(column);
    expect(lines[lines.findIndex((line) => line.includes("161 B")) + 1]?.trim()).toBe("as measured");
  });

  it("gives each part a heading, its text, a table and the notes", () => {
    const page = markdownTables([{ ...size, name: "a|b", note: "as measured" }, rate], new Map([["pack", "Bytes."]]));
    expect(page).toContain("### pack\n\nBytes.\n\n| figure | value | budget | peer | ratio | met |\n| --- |");
    expect(page).toContain("| a\\|b | 161 B | ≤ 160 B |  |  | NO |");
    expect(page).toContain("- *a|b*: as measured");
    expect(page.indexOf("### index")).toBeGreaterThan(page.indexOf("as measured"));
  });
});

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { renewBlock } from "../../bench/write-page.ts";

const content = {
  figures: [{ part: "pack", name: "bytes", value: 141, unit: "B" }],
  about: new Map([["pack", "Bytes."]]),
  measured: "Measured at abc on a day.",
  run: [["Node", "v24"]],
} as const;

describe("the page of benchmarks", () => {
  it("gets a new block and keeps what people wrote around it", () => {
    const page = renewBlock("before\n<!-- made: figures -->\nold\n<!-- end -->\nafter\n", content);
    expect(page).toMatch(/^before\n<!-- made: figures -->\n/);
    expect(page).toContain("| Node | v24 |");
    expect(page).toContain("| bytes | 141 B |");
    expect(page).not.toContain("old");
    expect(page).toMatch(/<!-- end -->\nafter\n$/);
    expect(renewBlock(page, content)).toBe(page);
  });

  it("keeps the parts that were not measured this time, in the order in which they run", () => {
    const first = renewBlock("<!-- made: figures -->\n<!-- end -->\n", {
      ...content,
      figures: ["storage", "pack", "decode"].map((part) => ({ part, name: part, value: 1, unit: "B" })),
    });
    const page = renewBlock(first, { ...content, measured: "Measured at def on another." });
    expect(Array.from(page.matchAll(/^### (.+)$/gm), ([, part]) => part)).toEqual(["decode", "pack", "storage"]);
    expect(page.match(/Measured at .*/g)).toEqual([
      "Measured at abc on a day.",
      "Measured at def on another.",
      "Measured at abc on a day.",
    ]);
    expect(page).toContain("| storage | 1 B |");
  });

  it("is refused without the marks", () => {
    expect(() => renewBlock("nothing", content)).toThrow("no block");
  });

  it("has them", () => {
    const page = readFileSync(new URL("../../../docs/benchmarks.md", import.meta.url), "utf8");
    expect(renewBlock(page, content)).toContain("| bytes | 141 B |");
  });
});

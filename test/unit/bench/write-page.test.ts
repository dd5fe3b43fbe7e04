import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { renewBlock } from "../../bench/write-page.ts";

const content = {
  figures: [{ part: "pack", name: "bytes", value: 141, unit: "B" }],
  about: new Map([["pack", "Bytes."]]),
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

  it("is refused without the marks", () => {
    expect(() => renewBlock("nothing", content)).toThrow("no block");
  });

  it("has them", () => {
    const page = readFileSync(new URL("../../../docs/benchmarks.md", import.meta.url), "utf8");
    expect(renewBlock(page, content)).toContain("| bytes | 141 B |");
  });
});

/** Figures in, docs/benchmarks.md with its made block renewed out; what people wrote around it stays. */
import { readFileSync, writeFileSync } from "node:fs";
import { type Figure, markdownTables } from "./figure.ts";
import { PARTS } from "./parts.ts";

const PAGE = new URL("../../docs/benchmarks.md", import.meta.url);
const BEGIN = "<!-- made: figures -->";
const END = "<!-- end -->";
const PART_NAMES = PARTS.map(({ name }) => name);

export interface PageContent {
  readonly figures: readonly Figure[];
  /** One line for each part. */
  readonly about: ReadonlyMap<string, string>;
  /** Of every part of these: which program, and when. */
  readonly measured: string;
  /** The machine and the run. */
  readonly run: readonly (readonly [string, string])[];
}

export function writePage(content: PageContent): void {
  writeFileSync(PAGE, renewBlock(readFileSync(PAGE, "utf8"), content));
}

/**
 * The page's text with other figures between its two marks. Parts that were not measured this time stay as they were, each with the program and
 * the day that it says. Throws where the page has no such marks.
 */
export function renewBlock(page: string, { figures, about, measured, run }: PageContent): string {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END, from);
  if (from === -1 || to === -1) throw new Error(`docs/benchmarks.md has no block from ${BEGIN} to ${END}`);
  const machine = ["| | |", "| --- | --- |", ...run.map(([name, value]) => `| ${name} | ${value} |`)].join("\n");
  const parts = Map.groupBy(figures, ({ part }) => part);
  const sections = sectionsOf(page.slice(from, to));
  for (const [part, own] of parts) {
    const says = [about.get(part), measured].filter((text) => text !== undefined).join(" ");
    sections.set(part, markdownTables(own, new Map([[part, says]])));
  }
  const order = [...new Set([...PART_NAMES, ...sections.keys()])];
  const texts = order.flatMap((part) => sections.get(part) ?? []);
  return `${page.slice(0, from)}${BEGIN}\n\n${machine}\n\n${texts.join("\n\n")}\n\n${page.slice(to)}`;
}

/** By part. */
function sectionsOf(block: string): Map<string, string> {
  const texts = block.split(/^(?=### )/m).slice(1);
  return new Map(texts.map((text) => [/^### (.+)$/m.exec(text)?.[1] ?? "", text.trimEnd()]));
}

/** Figures in, docs/benchmarks.md with its made block renewed out; what people wrote around it stays. */
import { readFileSync, writeFileSync } from "node:fs";
import { type Figure, markdownTables } from "./figure.ts";

const PAGE = new URL("../../docs/benchmarks.md", import.meta.url);
const BEGIN = "<!-- made: figures -->";
const END = "<!-- end -->";

export interface PageContent {
  readonly figures: readonly Figure[];
  /** One line for each part. */
  readonly about: ReadonlyMap<string, string>;
  /** The machine and the run. */
  readonly run: readonly (readonly [string, string])[];
}

export function writePage(content: PageContent): void {
  writeFileSync(PAGE, renewBlock(readFileSync(PAGE, "utf8"), content));
}

/** The page's text with other figures between its two marks. Throws where it has no such marks. */
export function renewBlock(page: string, { figures, about, run }: PageContent): string {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END, from);
  if (from === -1 || to === -1) throw new Error(`docs/benchmarks.md has no block from ${BEGIN} to ${END}`);
  const machine = ["| | |", "| --- | --- |", ...run.map(([name, value]) => `| ${name} | ${value} |`)].join("\n");
  return `${page.slice(0, from)}${BEGIN}\n\n${machine}\n\n${markdownTables(figures, about)}\n\n${page.slice(to)}`;
}

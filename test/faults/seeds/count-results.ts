/** The kept results of seeds → how many, what was struck how often, what was found: the tables of docs/reliability.md. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FAULTS } from "./faults/all.ts";
import { MODES } from "./world.ts";

interface Kept {
  readonly mode: string;
  readonly seed: number;
  readonly frames: number;
  readonly faults: readonly string[];
  readonly seconds: number;
  readonly peakMb: number;
  readonly connections: number;
  readonly found: readonly string[];
}

const FILE = fileURLToPath(new URL("results.jsonl", import.meta.url));

export function readResults(): readonly Kept[] {
  return readFileSync(FILE, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Kept);
}

/** Markdown. */
export function resultTables(results: readonly Kept[]): string {
  return `${byMode(results)}\n\n${byFault(results)}\n`;
}

function byMode(results: readonly Kept[]): string {
  const rows = MODES.map((mode) => {
    const own = results.filter((each) => each.mode === mode);
    const failed = own.filter(({ found }) => found.length > 0).length;
    const frames = own.reduce((sum, each) => sum + each.frames, 0);
    const faults = own.reduce((sum, each) => sum + each.faults.length, 0);
    const seconds = own.map((each) => each.seconds).sort((a, b) => a - b)[own.length >> 1] ?? 0;
    const most = (of: (each: Kept) => number) => Math.max(0, ...own.map(of));
    const cells = [mode, own.length, frames.toLocaleString("en"), faults, seconds, most(({ peakMb }) => peakMb)];
    return `| ${[...cells, most(({ connections }) => connections), failed].join(" | ")} |`;
  });
  return [
    "| mode | seeds | events | faults | seconds a seed, median | MB of a process, the most | database connections, the most | seeds that found something |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function byFault(results: readonly Kept[]): string {
  const struck = new Map<string, number>();
  for (const { mode, faults } of results) {
    for (const fault of faults) {
      const key = `${mode} ${fault.replace(/ at \d+ %$/, "")}`;
      struck.set(key, (struck.get(key) ?? 0) + 1);
    }
  }
  const rows = FAULTS.map(({ name, modes }) => {
    const cells = MODES.map((mode) => (modes.includes(mode) ? (struck.get(`${mode} ${name}`) ?? 0) : "–"));
    return `| ${[name, ...cells].join(" | ")} |`;
  });
  return [`| struck how often | ${MODES.join(" | ")} |`, "| --- | --- | --- | --- |", ...rows].join("\n");
}

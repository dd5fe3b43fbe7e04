/** What seeds have found, a line of JSON each, in a file that is kept: docs/reliability.md counts them. */
import { appendFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { SeedResult } from "./run-seed.ts";

const FILE = fileURLToPath(new URL("results.jsonl", import.meta.url));

/** `commit`: of the program that was run. */
export function keepResult(result: SeedResult, commit: string): void {
  const { mode, seed, frames, faults, seconds, peakMb, connections, found } = result;
  const date = new Date().toISOString().slice(0, 10);
  const line = {
    date,
    commit,
    mode,
    seed,
    frames,
    faults,
    seconds,
    peakMb,
    connections,
    found: found.map((each) => each.slice(0, 300)).slice(0, 5),
  };
  appendFileSync(FILE, `${JSON.stringify(line)}\n`);
}

/** Spoiled inputs that are kept in git: for each decoder the shortest one of each outcome, and whatever has ever broken a promise. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Kept {
  /** What it turns out as, in the form of a file's name. */
  readonly name: string;
  readonly input: Uint8Array;
}

const FOLDER = fileURLToPath(new URL("corpus/", import.meta.url));
/** Longer ones say nothing that a shorter one could not. */
const MAX_BYTES = 16 * 1024;

/** Of one decoder; none where nothing was kept yet. */
export function readCorpus(target: string): readonly Kept[] {
  const folder = join(FOLDER, target);
  try {
    return readdirSync(folder)
      .sort()
      .map((file) => ({ name: file.replace(/\.bin$/, ""), input: readFileSync(join(folder, file)) }));
  } catch {
    return [];
  }
}

/** Names of what was new or is shorter now. */
export function keepShortest(target: string, shortest: ReadonlyMap<string, Uint8Array>): readonly string[] {
  const known = new Map(readCorpus(target).map(({ name, input }) => [name, input.length]));
  const kept: string[] = [];
  for (const [outcome, input] of shortest) {
    const name = fileName(outcome);
    if (input.length > MAX_BYTES || input.length >= (known.get(name) ?? Number.POSITIVE_INFINITY)) continue;
    writeKept(target, name, input);
    kept.push(name);
  }
  return kept;
}

/** Where it was written. */
export function writeKept(target: string, name: string, input: Uint8Array): string {
  const folder = join(FOLDER, target);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.bin`);
  writeFileSync(path, input);
  return path;
}

export function fileName(outcome: string): string {
  return outcome
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}

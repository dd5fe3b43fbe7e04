/**
 * `node test/bench/load/frames.ts [--size quick|full] [--seed S]`: signed #commit frames as the network has them, as a recording that
 * `standpipe relay --replay` serves. Made once for each seed and size, kept in test/bench/.cache, byte for byte the same each time.
 */
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { encodeRecording } from "../../../lib/core/encode-recording.ts";
import type { RecordedAccount } from "../../../lib/core/recording.ts";
import type { Life } from "./signed/life.ts";

/** Grows with every change of what a seed leads to: recordings of an older version are made anew. */
const VERSION = 2;
const STRANGERS = 60_000;
/** Speed before size: the file is a cache. */
const ZSTD_LEVEL = 3;
const CACHE = fileURLToPath(new URL("../.cache/", import.meta.url));
const SELF = fileURLToPath(import.meta.url);
const LOG_EVERY = 2_000;

/**
 * No more than the parts need: making them costs more than measuring. A commit shows a tree as deep as its repo is large, and with repos like those
 * of `full`, 15 million records in all, the mean frame comes near the network's 5.4 KB. Each of those records is hashed once, which takes most of the time.
 */
export const SIGNED_LOADS = {
  quick: { frames: 2_000, accounts: 2_400, largestRepo: 10_000 },
  full: { frames: 10_000, accounts: 3_000, largestRepo: 150_000 },
} as const;
export type LoadSize = keyof typeof SIGNED_LOADS;

export function sizeOf(quick: boolean): LoadSize {
  return quick ? "quick" : "full";
}

export interface FramesOptions {
  readonly size: LoadSize;
  readonly seed?: number;
  readonly log?: (line: string) => void;
}

/**
 * Path of the recording; made by a process of its own where it is not there yet, in a minute or three. Its DID documents have the keys of the
 * accounts that occur; it has no repos, since most of their records never leave the generator.
 */
export function signedFrames({ size, seed = 1, log = () => {} }: FramesOptions): string {
  const path = pathOf(size, seed);
  if (existsSync(path)) return path;
  log(`making ${SIGNED_LOADS[size].frames} signed frames of seed ${seed}`);
  const { status } = spawnSync(process.execPath, [SELF, "--size", size, "--seed", String(seed)], {
    stdio: ["ignore", 2, 2],
  });
  if (status !== 0) throw new Error(`the generator of frames ended with status ${status}`);
  return path;
}

function pathOf(size: LoadSize, seed: number): string {
  return `${CACHE}frames-v${VERSION}-seed${seed}-${size}.spr`;
}

/** Whole or not at all: a name of the process's own until everything is there. */
async function make(size: LoadSize, seed: number): Promise<string> {
  // Only the generator needs the libraries of test/bench/package.json.
  const { Life } = await import("./signed/life.ts");
  const { frames, ...repos } = SIGNED_LOADS[size];
  const life = await Life.begin({ seed, ...repos, strangers: STRANGERS });
  const made: Uint8Array[] = [];
  for (let count = 1; count <= frames; count += 1) {
    made.push(await life.next());
    if (count % LOG_EVERY === 0) console.error(`  frames: ${count} of ${frames}`);
  }
  const path = pathOf(size, seed);
  const partial = `${path}.${process.pid}.partial`;
  mkdirSync(CACHE, { recursive: true });
  const file = openSync(partial, "w");
  try {
    for (const piece of recordingOf(life, made, seed)) writeSync(file, piece);
    renameSync(partial, path);
  } finally {
    closeSync(file);
    rmSync(partial, { force: true });
  }
  return path;
}

function recordingOf(life: Life, frames: readonly Uint8Array[], seed: number): Generator<Uint8Array> {
  const accounts = life.seen();
  const states = accounts.map(({ did, handle }): [string, RecordedAccount] => [did, { handle, active: true }]);
  return encodeRecording({
    meta: {
      formatVersion: 1,
      recordedAt: life.now,
      source: `signed frames of test/bench/load, version ${VERSION}, seed ${seed}`,
      frames: frames.length,
      firstSeq: life.firstSeq,
      lastSeq: life.firstSeq + frames.length - 1,
      accounts: accounts.length,
    },
    frames,
    repos: [],
    accounts: new Map(states),
    didDocuments: new Map(accounts.map(({ did, document }) => [did, document])),
    zstdLevel: ZSTD_LEVEL,
  });
}

if (process.argv[1] === SELF) {
  const { values } = parseArgs({
    options: { size: { type: "string", default: "full" }, seed: { type: "string", default: "1" } },
  });
  const seed = Number(values.seed);
  const size = values.size === "quick" ? "quick" : "full";
  const path = pathOf(size, seed);
  console.log(existsSync(path) ? path : await make(size, seed));
}

/** Public data that lies beside the project (`../shared/data`) and is never copied into it: read in place, or the tests say that they were skipped. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { describe, it } from "vitest";
import { projectRoot } from "./project-root.ts";

const folder = join(projectRoot, "..", "shared", "data");

/**
 * Like `describe`, for tests that need the folder: skipped with the reason in the name where it is missing, which is a failure where
 * `STANDPIPE_REQUIRE_ALL` is 1.
 */
export function describeWithSharedData(name: string, tests: () => void): void {
  if (existsSync(folder)) {
    describe(`${name} [../shared/data]`, tests);
  } else if (process.env["STANDPIPE_REQUIRE_ALL"] === "1") {
    describe(name, () => {
      it("finds ../shared/data", () => {
        throw new Error(`${folder} is missing, and STANDPIPE_REQUIRE_ALL=1 allows no skipped tests`);
      });
    });
  } else {
    describe.skip(`${name} [skipped: ../shared/data is missing]`, () => {
      it("needs ../shared/data", () => undefined);
    });
  }
}

/** A file of the folder, such as `cars/tiny.car`. */
export function readSharedFile(path: string): Uint8Array {
  return readFileSync(join(folder, path));
}

export function readSharedJson(path: string): unknown {
  return JSON.parse(readFileSync(join(folder, path), "utf8"));
}

/** The cases of a list of the interop tests: one a line, without empty lines and comments. White space is part of a case. */
export function readVectorLines(path: string): string[] {
  const lines = readFileSync(join(folder, "interop-tests", path), "utf8").split("\n");
  return lines.filter((line) => line.trim() !== "" && !line.startsWith("#"));
}

/** The 40 raw relay frames. */
export function readRealFrames(): Uint8Array[] {
  const all = zstdDecompressSync(readSharedFile("real-frames/frames.bin.zst"));
  const frames: Uint8Array[] = [];
  for (let at = 0; at < all.length; ) {
    const length = all.readUInt32LE(at);
    frames.push(all.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return frames;
}

/** What an independent service made of one of those frames (Jetstream v1). */
export interface ExpectedCommit {
  readonly did: string;
  readonly time_us: number;
  readonly kind: "commit";
  readonly commit: {
    readonly rev: string;
    readonly operation: "create" | "update" | "delete";
    readonly collection: string;
    readonly rkey: string;
    readonly record?: unknown;
    readonly cid?: string;
  };
}

/** In the order of the frames. */
export function readExpectedCommits(): ExpectedCommit[] {
  const text = Buffer.from(readSharedFile("real-frames/expected.jsonl")).toString("utf8");
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line): ExpectedCommit => JSON.parse(line));
}

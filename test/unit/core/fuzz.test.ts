import { describe, expect, it, test } from "vitest";
import { fileName, readCorpus } from "../../fuzz/corpus.ts";
import { fuzz } from "../../fuzz/fuzz.ts";
import { mutate, seededRandom } from "../../fuzz/mutate.ts";
import { TARGETS } from "../../fuzz/targets/all.ts";
import { framesTarget } from "../../fuzz/targets/frames.ts";
import { recordedFrames } from "../../support/recorded-frames.ts";
import { describeWithSharedData, readRealFrames } from "../../support/shared-data.ts";

/** Far more than any input takes; a shared machine may stop us for a while. */
const MAX_INPUT_MS = 2000;
/** The whole of a slice: the script goes on for hours. */
const ITERATIONS = 20_000;
const LIMIT_MS = 8_000;

/** What mutations must reach, or they stay at the surface. */
const REACHED: Readonly<Record<string, readonly string[]>> = {
  frame: ["commit", "malformed", "rejected broken-envelope", "rejected broken-blocks", "commit with hash-mismatch"],
  car: ["blocks"],
  record: ["decodes", "does not decode"],
  pack: ["events", "crc-mismatch", "bad-header", "bad-body", "truncated", "header-mismatch"],
  "stream-record": ["pack", "gap", "reference", "crc-mismatch"],
  "lambda-event": ["pack", "unreadable", "gap", "reference"],
  "redis-entry": ["commit", "rejected broken-envelope", "commit with bad-path"],
  recording: ["recording"],
};

describe.each(TARGETS)("mutated inputs of the decoder of $name", (target) => {
  const corpus = readCorpus(target.name);

  it("break no promise, in bounded time each, and reach what lies deep", { timeout: 60_000 }, () => {
    const report = fuzz(target, {
      iterations: ITERATIONS,
      seed: 1,
      corpus: corpus.map(({ input }) => input),
      limitMs: LIMIT_MS,
    });
    expect(report.slowestMs).toBeLessThan(MAX_INPUT_MS);
    expect([...report.outcomes.keys()]).toEqual(expect.arrayContaining([...(REACHED[target.name] ?? [])]));
  });

  test.each(corpus)("$name is still what it was", ({ name, input }) => {
    const outcome = fileName(target.read(input));
    if (!name.startsWith("finding-")) expect(outcome).toBe(name);
  });
});

describeWithSharedData("10,000 mutations of the real frames", () => {
  it("break no promise", () => {
    const target = framesTarget(readRealFrames(), Date.parse("2026-07-04T15:00:00Z"));
    expect(fuzz(target, { iterations: 10_000, seed: 2 }).slowestMs).toBeLessThan(MAX_INPUT_MS);
  });
});

describe("the mutations", () => {
  it("come again with the same seed, and leave the input itself alone", () => {
    const [frame = new Uint8Array(), other = frame] = recordedFrames;
    const before = Buffer.from(frame);
    const series = (seed: number) => {
      const random = seededRandom(seed);
      return Array.from({ length: 100 }, () => Buffer.from(mutate(frame, random, other)).toString("hex"));
    };
    expect(series(1)).toEqual(series(1));
    expect(series(1)).not.toEqual(series(2));
    expect(Buffer.from(frame)).toEqual(before);
  });

  it("tell the input that broke a promise, and where to find it again", () => {
    const broken = {
      name: "broken",
      inputs: () => [Uint8Array.of(1, 2, 3)],
      read: () => {
        throw new Error("odd");
      },
    };
    expect(() => fuzz(broken, { iterations: 5, seed: 1 })).toThrow("broken, iteration 0: Error: odd");
  });
});

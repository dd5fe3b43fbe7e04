import { describe, expect, it } from "vitest";
import { fuzz, fuzzRecords } from "../../fuzz/fuzz.ts";
import { mutate, seededRandom } from "../../fuzz/mutate.ts";
import { recordsOf } from "../../fuzz/records.ts";
import { recordedAtMs, recordedFrames } from "../../support/recorded-frames.ts";
import { describeWithSharedData, readRealFrames } from "../../support/shared-data.ts";

/** Far more than any frame takes; a shared machine may stop us for a while. */
const MAX_FRAME_MS = 2000;

describe("50,000 mutated frames of the recording", () => {
  it("break no promise, in bounded time each, and reach every kind of outcome", () => {
    const { outcomes, slowestMs } = fuzz({
      frames: recordedFrames,
      receivedAtMs: recordedAtMs,
      iterations: 50_000,
      seed: 1,
    });
    expect(slowestMs).toBeLessThan(MAX_FRAME_MS);
    expect([...outcomes.keys()]).toEqual(
      expect.arrayContaining([
        "commit",
        "malformed",
        "rejected broken-envelope",
        "rejected broken-blocks",
        "commit with hash-mismatch",
      ]),
    );
  });

  it("and as many records", () => {
    const decodable = fuzzRecords({ frames: recordsOf(recordedFrames), iterations: 50_000, seed: 1 });
    expect(decodable).toBeGreaterThan(1000);
    expect(decodable).toBeLessThan(49_000);
  });
});

describeWithSharedData("10,000 mutations of the real frames", () => {
  it("break no promise", () => {
    const frames = readRealFrames();
    const receivedAtMs = Date.parse("2026-07-04T15:00:00Z");
    expect(fuzz({ frames, receivedAtMs, iterations: 10_000, seed: 2 }).slowestMs).toBeLessThan(MAX_FRAME_MS);
  });
});

describe("the mutations", () => {
  it("come again with the same seed, and leave the frame itself alone", () => {
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
});

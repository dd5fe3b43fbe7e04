import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { locateSeq } from "../../../../lib/firehose/relay/frame-seq.ts";
import { FrameStore } from "../../../../lib/firehose/relay/frame-store.ts";
import { Timeline } from "../../../../lib/firehose/relay/timeline.ts";
import { identityFrame } from "../../../support/event-frames.ts";
import { frameBlocksOfSeqs } from "../../../support/small-recording.ts";

function performanceOf(seqs: readonly number[], loops: number): number[] {
  const span = (seqs.at(-1) ?? 0) - (seqs[0] ?? 0) + 1;
  return Array.from({ length: loops }, (_, round) => seqs.map((seq) => seq + round * span)).flat();
}

/** Blocks of one frame each and of several, so that starts fall on and between their borders. */
function storeOf(seqs: readonly number[], perBlock: number): FrameStore {
  const blocks = [];
  for (let from = 0; from < seqs.length; from += perBlock)
    blocks.push(...frameBlocksOfSeqs(...seqs.slice(from, from + perBlock)));
  return new FrameStore(blocks);
}

describe("timeline", () => {
  it("sends from any cursor exactly what has a greater seq, in order, over rounds and blocks", () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(
        gaps,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(150),
        fc.boolean(),
        (steps, loops, perBlock, cursor, inclusive) => {
          let last = 3;
          const seqs = steps.map((gap) => (last += gap));
          const timeline = new Timeline(storeOf(seqs, perBlock), {
            speed: "max",
            loops,
            windowEvents: Number.POSITIVE_INFINITY,
          });
          const all = performanceOf(seqs, loops);
          const start = timeline.start(cursor, timeline.length, { inclusive });
          if (start.kind === "future") {
            expect(cursor).toBeGreaterThan(all.at(-1) ?? 0);
            return;
          }
          const sent: number[] = [];
          for (let position = start.position; position < timeline.length; ) {
            const frames = timeline.frames(position, timeline.length, 3);
            sent.push(...frames.map((frame) => locateSeq(frame)?.seq ?? -1));
            position += frames.length;
          }
          expect(sent).toEqual(all.filter((seq) => (inclusive ? seq >= cursor : seq > cursor)));
          expect(start.outdated).toBe(cursor < (all[0] ?? 0) - 1);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("lets events happen at its speed", () => {
    const timeline = new Timeline(storeOf([1, 2, 3], 3), { speed: 100, loops: 2, windowEvents: 2 });
    expect([0, 9, 10, 45, 1_000].map((elapsedMs) => timeline.happened(elapsedMs))).toEqual([0, 0, 1, 4, 6]);
    expect(timeline.frames(3, 4, 10)).toEqual([identityFrame(4, Date.parse("2026-11-01T00:00:01Z"))]);
    expect(timeline.frames(4, 4, 10)).toEqual([]);
  });

  it("keeps only its window", () => {
    const timeline = new Timeline(storeOf([1, 2, 3, 4], 2), { speed: 100, loops: 1, windowEvents: 2 });
    const at = (cursor: number | null) => timeline.start(cursor, 4, { inclusive: false });
    expect(at(0)).toEqual({ kind: "from", position: 2, outdated: true });
    expect(at(2)).toEqual({ kind: "from", position: 2, outdated: false });
    expect(at(4)).toEqual({ kind: "from", position: 4, outdated: false });
    expect(at(5)).toEqual({ kind: "future", newestSeq: 4 });
    expect(at(null)).toEqual({ kind: "from", position: 4, outdated: false });
  });
});

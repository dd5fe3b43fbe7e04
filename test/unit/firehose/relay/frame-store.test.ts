import { describe, expect, it } from "vitest";
import { FrameStore } from "../../../../lib/firehose/relay/frame-store.ts";
import { identityFrame, infoFrame } from "../../../support/event-frames.ts";
import { frameBlocksOf, frameBlocksOfSeqs } from "../../../support/small-recording.ts";

describe("frame store", () => {
  const blocks = [
    ...frameBlocksOfSeqs(5, 7),
    ...frameBlocksOf([infoFrame("X"), identityFrame(9)]),
    ...frameBlocksOfSeqs(11),
  ];

  it("gives frames by position, block by block", () => {
    const store = new FrameStore(blocks);
    expect([store.length, store.firstSeq, store.lastSeq]).toEqual([5, 5, 11]);
    const seqs = [0, 1, 2, 4, 5].map((position) => store.from(position, 10).map(({ seq }) => seq));
    expect(seqs).toEqual([[5, 7], [7], [7, 9], [11], []]);
  });

  it("gives the same again after its blocks were dropped from memory", () => {
    const store = new FrameStore(blocks);
    const read = () =>
      [4, 2, 0].map((position) => store.from(position).map(({ seq, place }) => [seq, place?.seq ?? null]));
    const first = read();
    expect(first).toEqual([[[11, 11]], [[7, null]], [[5, 5]]]);
    expect(read()).toEqual(first);
  });

  it("finds what follows a seq, and does not take a frame without one for it", () => {
    const store = new FrameStore(blocks);
    expect([0, 5, 6, 7, 8, 9, 11].map((seq) => store.positionAfter(seq))).toEqual([0, 1, 1, 3, 3, 4, 5]);
  });
});

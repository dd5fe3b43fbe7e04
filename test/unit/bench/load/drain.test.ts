import { describe, expect, it } from "vitest";
import type { Pack } from "../../../../lib/core/pack.ts";
import { LaneQueue } from "../../../bench/load/drain.ts";
import { makePack } from "../../../support/packs.ts";

function queueOf(...places: readonly (readonly [lane: number, number: number])[]): LaneQueue {
  const packs = places.map(([lane, number]) => makePack({ lane, number }));
  return new LaneQueue(() => packs.shift());
}

function placeOf(pack: Pack | undefined): readonly number[] | undefined {
  return pack && [pack.header.lane, pack.header.number];
}

describe("the queue of a load", () => {
  it("hands out nothing of a lane that somebody has in hand, and then the next of it", () => {
    const queue = queueOf([0, 1], [0, 2], [0, 3], [1, 1]);
    const first = queue.take();
    expect(placeOf(first)).toEqual([0, 1]);
    expect(placeOf(queue.take())).toEqual([1, 1]);
    expect(queue.take()).toBeUndefined();
    if (first !== undefined) queue.done(first);
    expect(placeOf(queue.take())).toEqual([0, 2]);
    expect(queue.take()).toBeUndefined();
  });

  it("ends when all have been handed out", () => {
    const queue = queueOf([2, 1]);
    const only = queue.take();
    if (only !== undefined) queue.done(only);
    expect(queue.take()).toBeUndefined();
  });
});

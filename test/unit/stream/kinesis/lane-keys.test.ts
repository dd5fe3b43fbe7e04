import fc from "fast-check";
import { expect, test } from "vitest";
import { laneKeys } from "../../../../lib/stream/kinesis/lane-keys.ts";

const END = 2n ** 128n;

test("puts each lane into the middle of its share of the hash keys", () => {
  expect(laneKeys({ lane: 0, lanes: 1 }).explicitHashKey).toBe(String(END / 2n));
  expect(laneKeys({ lane: 0, lanes: 8 }).explicitHashKey).toBe(String(END / 16n));
  expect(laneKeys({ lane: 7, lanes: 8 })).toEqual({
    partitionKey: "7",
    explicitHashKey: String((15n * END) / 16n),
  });
});

test("gives every lane a key of its own, in order, below 2^128", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4096 }), (lanes) => {
      const keys = Array.from({ length: lanes }, (_, lane) => BigInt(laneKeys({ lane, lanes }).explicitHashKey));
      expect(keys.every((key, lane) => key >= 0n && key < END && (lane === 0 || key > (keys[lane - 1] ?? 0n)))).toBe(
        true,
      );
    }),
    { numRuns: 30 },
  );
});

test("spreads lanes over equal shards as evenly as can be", () => {
  const perShard = [0, 0];
  for (let lane = 0; lane < 8; lane++) {
    const shard = Number(BigInt(laneKeys({ lane, lanes: 8 }).explicitHashKey) / (END / 2n));
    perShard[shard] = (perShard[shard] ?? 0) + 1;
  }
  expect(perShard).toEqual([4, 4]);
});

import { describe, expect, it, vi } from "vitest";
import {
  type EventSourceMapping,
  laneOf,
  type MappingOptions,
  startMapping,
} from "../../support/event-source-mapping/mapping.ts";
import type { Invocation } from "../../support/event-source-mapping/port.ts";
import {
  collectFailures,
  DONE,
  failedFrom,
  memorySource,
  numbersOf,
  recordOf,
  type ScriptedShard,
  SETTINGS,
  scriptedFunction,
  shardOf,
  THROWN,
} from "../../support/event-source-mapping/scripted.ts";

/** A busy machine takes its time. */
const LIMIT = { timeout: 30_000 };
const PACING = { pollEveryMs: 1, listEveryMs: 1, retryAfterMs: () => 1 };

function map(
  shards: readonly ScriptedShard[],
  options: Pick<MappingOptions, "fn"> & Partial<MappingOptions>,
): EventSourceMapping {
  return startMapping({
    source: memorySource(shards),
    settings: SETTINGS,
    destination: null,
    pacing: PACING,
    ...options,
  });
}

/** Two keys of which each goes with another one of two parallel batches. */
const KEYS = ((): readonly [string, string] => {
  const other = Array.from({ length: 100 }, (_, index) => String(index)).find(
    (key) => laneOf(key, 2) !== laneOf("0", 2),
  );
  return ["0", other ?? ""];
})();

function sorted(calls: readonly (readonly number[])[]): readonly number[] {
  return calls.flat().toSorted((a, b) => a - b);
}

describe("shards", () => {
  it("are worked side by side, each batch of one alone", async () => {
    const held = Promise.withResolvers<Invocation>();
    const fn = scriptedFunction((numbers) => (numbers.includes(1) ? held.promise : DONE));
    await using mapping = map([shardOf("a", [1, 2]), shardOf("b", [11, 12])], { fn });
    await vi.waitFor(() => expect(mapping.done).toBe(2), LIMIT);
    expect(fn.calls).toEqual(
      expect.arrayContaining([
        [1, 2],
        [11, 12],
      ]),
    );
    held.resolve(DONE);
    await mapping.caughtUp();
    expect(mapping.done).toBe(4);
  });

  it("begin when their parents are done to the last record: after a split, and after a merge", async () => {
    const held = Promise.withResolvers<Invocation>();
    const fn = scriptedFunction((numbers) => (numbers.includes(2) ? held.promise : DONE));
    const shards = [
      shardOf("child", [21], { parentIds: ["a", "b"] }),
      shardOf("a", [1], { isOver: true }),
      shardOf("b", [2], { isOver: true }),
      shardOf("orphan", [31], { parentIds: ["expired"] }),
    ];
    await using mapping = map(shards, { fn });
    await vi.waitFor(() => expect(mapping.done).toBe(2), LIMIT);
    expect(sorted(fn.calls)).toEqual([1, 2, 31]);
    held.resolve(DONE);
    await mapping.caughtUp();
    expect(fn.calls.at(-1)).toEqual([21]);
  });

  it("are read on while others come up, and asked again where the stream does not answer", async () => {
    const fn = scriptedFunction(() => DONE);
    const shards = [shardOf("a", [1])];
    const source = memorySource(shards);
    let reads = 0;
    const flaky = {
      ...source,
      read: (iterator: string) => (reads++ % 2 === 0 ? Promise.reject(new Error("throttled")) : source.read(iterator)),
    };
    await using mapping = startMapping({ source: flaky, settings: SETTINGS, destination: null, pacing: PACING, fn });
    await mapping.caughtUp();
    shards[0]?.records.push(recordOf(2));
    shards.push(shardOf("b", [11]));
    await vi.waitFor(() => expect(mapping.done).toBe(3), LIMIT);
    expect(sorted(fn.calls)).toEqual([1, 2, 11]);
  });
});

describe("parallel batches of a shard", () => {
  const [first, second] = KEYS;
  const records = [1, 2, 3, 4].map((number) => recordOf(number, { partitionKey: number % 2 === 1 ? first : second }));

  it("are as many as the factor, and one key is in one at a time", async () => {
    const held = Promise.withResolvers<Invocation>();
    const fn = scriptedFunction((numbers) => (numbers.includes(1) ? held.promise : DONE));
    const settings = { ...SETTINGS, parallelizationFactor: 2, batchSize: 1 };
    await using mapping = map([shardOf("a", [], { records: [...records] })], { fn, settings });
    await vi.waitFor(() => expect(mapping.done).toBe(2), LIMIT);
    // The other key is through; the first one has not begun its second record.
    expect(sorted(fn.calls)).toEqual([1, 2, 4]);
    held.resolve(DONE);
    await mapping.caughtUp();
    expect(fn.calls.at(-1)).toEqual([3]);
  });

  it("with a factor of one are one after the other, in the order of the shard", async () => {
    const fn = scriptedFunction(() => DONE);
    await using mapping = map([shardOf("a", [], { records: [...records] })], {
      fn,
      settings: { ...SETTINGS, batchSize: 1 },
    });
    await mapping.caughtUp();
    expect(fn.calls).toEqual([[1], [2], [3], [4]]);
  });
});

describe("what is given up", () => {
  it("is delivered, and the shard goes on behind it", async () => {
    const fn = scriptedFunction((numbers) => (numbers.includes(2) ? THROWN : DONE));
    const destination = collectFailures();
    let refusals = 2;
    const deliver = (batch: Parameters<typeof destination.deliver>[0]) =>
      refusals-- > 0 ? Promise.reject(new Error("SlowDown")) : destination.deliver(batch);
    const settings = { ...SETTINGS, maximumRetryAttempts: 1 };
    await using mapping = map([shardOf("a", [1, 2, 3])], { fn, settings, destination: { deliver } });
    await mapping.caughtUp();
    expect([mapping.done, mapping.discarded]).toEqual([2, 1]);
    expect(destination.batches.map(({ shardId, records }) => [shardId, numbersOf(records)])).toEqual([["a", [2]]]);
  });

  it("follows an update of the mapping at the next try", async () => {
    const fn = scriptedFunction(() => failedFrom(1));
    const destination = collectFailures();
    await using mapping = map([shardOf("a", [1])], { fn, destination });
    await vi.waitFor(() => expect(fn.calls.length).toBeGreaterThan(3), LIMIT);
    mapping.update({ maximumRecordAgeMs: 1_000 });
    await mapping.caughtUp();
    expect(destination.batches).toMatchObject([{ condition: "RecordAgeExceeded" }]);
  });
});

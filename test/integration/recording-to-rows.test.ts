/** The recording of a real network, applied in many ways, ends as that network ended. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Pack } from "../../lib/core/pack.ts";
import { expectedCounts, storedCounts } from "../support/expected-counts.ts";
import { differences, valueDifferences } from "../support/expected-end.ts";
import { inBatches, packsOf, recordedEvents } from "../support/recorded-packs.ts";
import { createTestConsumer, type TestConsumer } from "../support/test-consumer.ts";

const events = recordedEvents();

async function apply(consumer: TestConsumer, packs: readonly Pack[], atATime: number): Promise<void> {
  for (const batch of inBatches(packs, atATime)) {
    await consumer.consume(...batch);
  }
}

describe("the recorded network in Postgres", () => {
  it("holds every record of every final repo, with the very bytes, and every counter", async () => {
    await using consumer = await createTestConsumer();
    await apply(consumer, packsOf(events, { size: () => 60 }), 8);
    expect(await differences(consumer.store.pool)).toEqual([]);
    expect(consumer.telemetry.counted("applied_events_total", "commit")).toBe(
      events.filter(({ kind }) => kind === "commit").length,
    );
    expect(consumer.telemetry.counted("broken_chains_total")).toBe(0);
    expect(await valueDifferences(consumer.store.pool)).toEqual([]);
    expect(await storedCounts(consumer.store.pool)).toEqual(await expectedCounts());
  });

  it("does not change at all when everything is applied again, in another split", async () => {
    await using consumer = await createTestConsumer();
    await apply(consumer, packsOf(events, { size: () => 100 }), 8);
    const before = await everyRow(consumer);
    const applied = consumer.telemetry.counted("applied_ops_total", "create");
    await apply(consumer, packsOf(events, { size: () => 37, fence: 2 }), 5);
    expect(await everyRow(consumer)).toEqual(before);
    expect(consumer.telemetry.counted("applied_ops_total", "create")).toBe(applied);
    expect(consumer.telemetry.counted("repeated_events_total")).toBeGreaterThanOrEqual(events.length);
  });

  it("is the same after arbitrary splits", async () => {
    for (const seed of [1, 2, 3]) {
      const random = fc.sample(fc.integer({ min: 1, max: 150 }), { numRuns: 4_000, seed });
      let at = 0;
      const next = (): number => random[at++ % random.length] ?? 1;
      await using consumer = await createTestConsumer();
      for (const packs = packsOf(events, { size: next }); packs.length > 0; ) {
        await consumer.consume(...packs.splice(0, 1 + (next() % 12)));
      }
      expect(await differences(consumer.store.pool)).toEqual([]);
    }
  });

  it("is the same when the packs come in shuffled order", async () => {
    for (const seed of [11, 12, 13]) {
      const packs = packsOf(events, { size: () => 40 });
      const [shuffled = []] = fc.sample(fc.shuffledSubarray(packs, { minLength: packs.length }), { numRuns: 1, seed });
      await using consumer = await createTestConsumer();
      await apply(consumer, shuffled, 6);
      expect(await differences(consumer.store.pool)).toEqual([]);
    }
  });

  it("is the same when a whole pack is left out and comes last", async () => {
    const packs = packsOf(events, { size: () => 50 });
    for (const index of [0, 20, 61, 100]) {
      const left = packs[index];
      await using consumer = await createTestConsumer();
      await apply(consumer, packs.toSpliced(index, 1), 8);
      expect(consumer.telemetry.counted("gaps_total", "missing-pack")).toBe(index === 0 ? 0 : 1);
      await consumer.consume(...(left === undefined ? [] : [left]));
      expect(await differences(consumer.store.pool)).toEqual([]);
    }
  });

  it("is the same with several writers side by side on lanes of their own", async () => {
    await using consumer = await createTestConsumer();
    const packs = packsOf(events, { size: () => 30 });
    await Promise.all(
      [0, 1, 2].map((writer) =>
        apply(
          consumer,
          packs.filter(({ header }) => header.lane % 3 === writer),
          4,
        ),
      ),
    );
    expect(await differences(consumer.store.pool)).toEqual([]);
  });
});

/** All that people can see, and the counters beneath, in one order. */
async function everyRow({ store }: TestConsumer): Promise<unknown> {
  const queries = [
    "SELECT uri, cid, rev, indexed_at, value FROM all_records ORDER BY uri",
    "SELECT * FROM users ORDER BY did",
    "SELECT * FROM post_counts ORDER BY uri",
    "SELECT * FROM actor_counts ORDER BY did",
    "SELECT * FROM standpipe.subject_count ORDER BY subject",
    "SELECT * FROM standpipe.repo ORDER BY actor",
    "SELECT * FROM standpipe.tombstone ORDER BY actor, collection, rkey",
    "SELECT sum(records) FROM standpipe.lane",
  ];
  const rows: unknown[] = [];
  for (const query of queries) {
    rows.push((await store.pool.query<Record<string, unknown>>(query)).rows);
  }
  return rows;
}

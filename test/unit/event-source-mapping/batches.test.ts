import { describe, expect, it } from "vitest";
import { batchLength, eventOf, MAX_PAYLOAD_BYTES } from "../../support/event-source-mapping/event.ts";
import { createRecordQueue, type RecordQueue } from "../../support/event-source-mapping/record-queue.ts";
import { numbersOf, recordOf, recordsOf, SETTINGS, waitingClock } from "../../support/event-source-mapping/scripted.ts";
import type { MappingSettings } from "../../support/event-source-mapping/settings.ts";

const { signal } = new AbortController();

function queueOf(clock = waitingClock(), settings: Partial<MappingSettings> = {}): RecordQueue {
  return createRecordQueue({ settings: () => ({ ...SETTINGS, ...settings }), clock });
}

describe("a batch", () => {
  it("has as many records as the batch size at the most", () => {
    expect(batchLength(recordsOf(1, 2, 3), { batchSize: 2 })).toEqual({ count: 2, isFull: true });
    expect(batchLength(recordsOf(1), { batchSize: 2 })).toEqual({ count: 1, isFull: false });
    expect(batchLength([], { batchSize: 2 })).toEqual({ count: 0, isFull: false });
  });

  it("has no more bytes than a call may have, base64 and everything around it counted", () => {
    const large = Array.from({ length: 8 }, (_, index) =>
      recordOf(index + 1, { data: new Uint8Array(1024 * 1024 - 1) }),
    );
    const { count, isFull } = batchLength(large, { batchSize: 100 });
    expect([count, isFull]).toEqual([4, true]);
    const bytes = (records: typeof large) => JSON.stringify(eventOf(records, "shardId-000000000000")).length;
    expect(bytes(large.slice(0, count))).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
    expect(bytes(large.slice(0, count + 1))).toBeGreaterThan(MAX_PAYLOAD_BYTES);
    // To the byte.
    const exact = bytes(large.slice(0, 2));
    expect(batchLength(large, { batchSize: 100, maxBytes: exact }).count).toBe(2);
    expect(batchLength(large, { batchSize: 100, maxBytes: exact - 1 }).count).toBe(1);
  });

  it("has one record at least", () => {
    expect(batchLength(recordsOf(1, 2), { batchSize: 100, maxBytes: 10 })).toEqual({ count: 1, isFull: true });
  });
});

describe("the batching window", () => {
  it("of zero gives what is there at once", async () => {
    const queue = queueOf();
    for (const record of recordsOf(1, 2)) queue.push(record);
    expect(numbersOf((await queue.nextBatch(signal)) ?? [])).toEqual([1, 2]);
  });

  it("gathers until it ends", async () => {
    const clock = waitingClock();
    const queue = queueOf(clock, { batchingWindowMs: 500 });
    const batch = queue.nextBatch(signal);
    queue.push(recordOf(1));
    expect(numbersOf((await batch) ?? [])).toEqual([1]);
    expect(clock.nowMs()).toBe(500);
  });

  it("begins when the call before has ended, so that a record late in it waits for its rest only", async () => {
    const clock = waitingClock();
    const queue = queueOf(clock, { batchingWindowMs: 500 });
    const batch = queue.nextBatch(signal);
    clock.pass(1_200);
    queue.push(recordOf(1));
    await batch;
    expect(clock.waits).toEqual([300]);
  });

  it("is not waited for where the batch is full, or the shard is over", async () => {
    const clock = waitingClock();
    const full = queueOf(clock, { batchingWindowMs: 500, batchSize: 2 });
    for (const record of recordsOf(1, 2, 3)) full.push(record);
    expect(numbersOf((await full.nextBatch(signal)) ?? [])).toEqual([1, 2]);
    full.close();
    expect(numbersOf((await full.nextBatch(signal)) ?? [])).toEqual([3]);
    expect(await full.nextBatch(signal)).toBeNull();
    expect(clock.waits).toEqual([]);
  });

  it("ends with the mapping", async () => {
    const stop = new AbortController();
    const batch = queueOf().nextBatch(stop.signal);
    stop.abort(new Error("stopped"));
    await expect(batch).rejects.toThrow("stopped");
  });
});

import { describe, expect, it } from "vitest";
import { eventOf } from "../../support/event-source-mapping/event.ts";
import type { DiscardedBatch, Invocation, StreamRecord } from "../../support/event-source-mapping/port.ts";
import {
  DONE,
  failedFrom,
  numbersOf,
  recordsOf,
  SETTINGS,
  scriptedFunction,
  THROTTLED,
  THROWN,
  waitingClock,
} from "../../support/event-source-mapping/scripted.ts";
import type { MappingSettings } from "../../support/event-source-mapping/settings.ts";
import { workBatch } from "../../support/event-source-mapping/work-batch.ts";

interface Worked {
  readonly calls: readonly (readonly number[])[];
  readonly done: readonly number[];
  readonly discarded: readonly Omit<DiscardedBatch, "shardId">[];
  readonly waits: readonly number[];
}

async function work(
  records: readonly StreamRecord[],
  answer: (numbers: readonly number[], call: number) => Invocation,
  given: Partial<MappingSettings> & { readonly nowMs?: number; readonly signal?: AbortSignal } = {},
): Promise<Worked> {
  const { nowMs = 0, signal = new AbortController().signal, ...settings } = given;
  const clock = waitingClock(nowMs);
  const fn = scriptedFunction(answer);
  const done: number[] = [];
  const discarded: Omit<DiscardedBatch, "shardId">[] = [];
  await workBatch(records, {
    settings: () => ({ ...SETTINGS, ...settings }),
    clock,
    signal,
    retryAfterMs: (failures) => 10 * failures,
    call: (batch) => fn.invoke(eventOf(batch, "shardId-000000000000")),
    discard: async (batch) => void discarded.push(batch),
    onDone: (batch) => void done.push(...numbersOf(batch)),
  });
  return { calls: fn.calls, done, discarded, waits: clock.waits };
}

describe("partial responses", () => {
  it("go on at the lowest failed number, and with everything behind it", async () => {
    const { calls, done } = await work(recordsOf(1, 2, 3, 4), (_numbers, call) =>
      call === 1 ? failedFrom(4, 3) : DONE,
    );
    expect(calls).toEqual([
      [1, 2, 3, 4],
      [3, 4],
    ]);
    expect(done).toEqual([1, 2, 3, 4]);
  });

  it("with bisect split at the number and use up no attempt; without it they do", async () => {
    const steps = [failedFrom(2), failedFrom(3), DONE];
    const answer = (_numbers: readonly number[], call: number) => steps[call - 1] ?? DONE;
    const split = await work(recordsOf(1, 2, 3), answer, { maximumRetryAttempts: 1 });
    expect(split.calls).toEqual([[1, 2, 3], [2, 3], [3]]);
    expect(split.discarded).toEqual([]);
    const whole = await work(recordsOf(1, 2, 3), answer, {
      maximumRetryAttempts: 1,
      bisectBatchOnFunctionError: false,
    });
    expect(whole.done).toEqual([1, 2]);
    expect(whole.discarded).toMatchObject([{ condition: "RetryAttemptsExhausted", calls: 2 }]);
  });

  it("at the first number are attempts in vain", async () => {
    const { calls, discarded } = await work(recordsOf(1, 2), () => failedFrom(1), { maximumRetryAttempts: 2 });
    expect(calls).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    expect(discarded.map(({ records }) => numbersOf(records))).toEqual([[1, 2]]);
  });
});

describe("bisect", () => {
  it("halves a batch that fails until the one record is alone, in order, without using up attempts", async () => {
    const answer = (numbers: readonly number[]) => (numbers.includes(3) ? THROWN : DONE);
    const { calls, done, discarded } = await work(recordsOf(1, 2, 3, 4), answer, { maximumRetryAttempts: 1 });
    expect(calls).toEqual([[1, 2, 3, 4], [1, 2], [3, 4], [3], [3], [4]]);
    expect(done).toEqual([1, 2, 4]);
    expect(discarded).toMatchObject([{ condition: "RetryAttemptsExhausted", last: THROWN, calls: 4 }]);
  });

  it("is left out where the mapping has it off: all of it is tried again, and then given up", async () => {
    const given = { bisectBatchOnFunctionError: false, maximumRetryAttempts: 1 };
    const { calls, discarded } = await work(recordsOf(1, 2), () => THROWN, given);
    expect(calls).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(discarded.map(({ records }) => numbersOf(records))).toEqual([[1, 2]]);
  });
});

describe("limits", () => {
  it("without a limit a batch is tried until it is done", async () => {
    const { calls, done } = await work(recordsOf(1), (_numbers, call) => (call < 150 ? THROWN : DONE));
    expect(calls).toHaveLength(150);
    expect(done).toEqual([1]);
  });

  it("zero attempts are one call and no retry", async () => {
    const { calls, discarded } = await work(recordsOf(1), () => THROWN, { maximumRetryAttempts: 0 });
    expect(calls).toEqual([[1]]);
    expect(discarded).toMatchObject([{ calls: 1 }]);
  });

  it("records that are too old go without a call, and younger ones of the batch are tried", async () => {
    const given = { maximumRecordAgeMs: 100, nowMs: 102 };
    const { calls, done, discarded } = await work(recordsOf(1, 2, 3), () => DONE, given);
    expect(calls).toEqual([[2, 3]]);
    expect(done).toEqual([2, 3]);
    expect(discarded).toMatchObject([{ condition: "RecordAgeExceeded", calls: 0, last: null }]);
  });

  it("what fails is tried until it is too old, whatever the function says", async () => {
    const { calls, discarded } = await work(recordsOf(1, 2), () => failedFrom(1), { maximumRecordAgeMs: 45 });
    // 10, 20 and 30 ms between the tries.
    expect(calls).toHaveLength(3);
    expect(discarded).toMatchObject([{ condition: "RecordAgeExceeded", calls: 3, last: failedFrom(1) }]);
  });

  it("calls that do not take place use up no attempt, but age", async () => {
    const patient = await work(recordsOf(1), (_numbers, call) => (call < 20 ? THROTTLED : DONE), {
      maximumRetryAttempts: 0,
    });
    expect(patient.done).toEqual([1]);
    const { discarded } = await work(recordsOf(1), () => THROTTLED, {
      maximumRetryAttempts: 0,
      maximumRecordAgeMs: 45,
    });
    expect(discarded).toMatchObject([{ condition: "RecordAgeExceeded", calls: 0 }]);
  });
});

it("waits longer after each try in vain, and ends where it is stopped", async () => {
  const { waits } = await work(recordsOf(1), (_numbers, call) => (call < 4 ? THROWN : DONE));
  expect(waits).toEqual([10, 20, 30]);
  const stopped = AbortSignal.abort(new Error("stopped"));
  await expect(work(recordsOf(1), () => DONE, { signal: stopped })).rejects.toThrow("stopped");
});

/** The calls of one lane, with a function that does what a test says. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { CallResult } from "../../../../lib/stream/lambda/client.ts";
import { type LaneRecord, sequenceNumber } from "../../../../lib/stream/lambda/event.ts";
import { LaneCalls, type WaitingRecord } from "../../../../lib/stream/lambda/lane-calls.ts";
import { MAX_EVENT_BYTES, SLOW_ANSWER_MS } from "../../../../lib/stream/lambda/limits.ts";
import { Trouble } from "../../../../lib/stream/lambda/trouble.ts";
import { CountingTelemetry } from "../../../support/counting-telemetry.ts";

const WINDOW_MS = 1_000;
const record = (n: number, how: Partial<WaitingRecord> = {}): WaitingRecord => ({
  bytes: 10,
  alone: false,
  make: () => Promise.resolve({ id: { ms: 1, n }, lane: 0, data: new Uint8Array() }),
  ...how,
});
const done: CallResult = { kind: "answered", payload: { batchItemFailures: [] } };
const failingFrom = (n: number): CallResult => ({
  kind: "answered",
  payload: { batchItemFailures: [{ itemIdentifier: `1-${n}` }] },
});
const died: CallResult = { kind: "function-error", code: "Runtime.ExitError", message: "signal: killed" };
const throttled: CallResult = { kind: "no-answer", code: "TooManyRequestsException", message: "Rate exceeded" };

interface Lane {
  readonly calls: LaneCalls;
  /** Numbers of the records of each call. */
  readonly seen: number[][];
  /** Numbers of those that are acknowledged, in their order. */
  readonly acknowledged: number[];
  readonly rejected: number[];
  readonly troubles: (string | null)[];
  add(...numbers: number[]): void;
  stop(): void;
}

/** `answers` are given in turn, and after the last one everything is done. */
function laneWith(answers: readonly (CallResult | "hangs")[], how: { maxPacks?: number } = {}): Lane {
  const [seen, acknowledged, rejected, troubles]: [number[][], number[], number[], (string | null)[]] = [
    [],
    [],
    [],
    [],
  ];
  const stopping = new AbortController();
  let inFlight = 0;
  const next = [...answers];
  const calls = new LaneCalls({
    lane: 0,
    async call(records: readonly LaneRecord[], signal) {
      expect(++inFlight).toBe(1);
      seen.push(records.map(({ id }) => id.n));
      const answer = next.shift() ?? done;
      if (answer === "hangs") await new Promise((resolve) => signal.addEventListener("abort", resolve));
      inFlight--;
      return answer === "hangs" ? { kind: "no-answer", code: "AbortError", message: "" } : answer;
    },
    maxPacks: how.maxPacks ?? 4,
    windowMs: WINDOW_MS,
    trouble: new Trouble({
      telemetry: new CountingTelemetry(),
      onTrouble: (text) => troubles.push(text),
      nowMs: Date.now,
    }),
    random: () => 0.5,
    nowMs: Date.now,
    onCall: () => undefined,
    signal: stopping.signal,
  });
  return {
    calls,
    seen,
    acknowledged,
    rejected,
    troubles,
    add(...numbers) {
      for (const n of numbers) {
        calls.add(record(n)).then(
          () => acknowledged.push(n),
          () => rejected.push(n),
        );
      }
    },
    stop: () => stopping.abort(new Error("the end")),
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a call", () => {
  test("waits for company as long as its window is, and not when it is full", async () => {
    const lane = laneWith([]);
    lane.add(1, 2);
    await vi.advanceTimersByTimeAsync(WINDOW_MS - 1);
    expect(lane.seen).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(lane.seen).toEqual([[1, 2]]);
    lane.add(3, 4, 5, 6, 7);
    await vi.advanceTimersByTimeAsync(0);
    expect(lane.seen).toEqual([
      [1, 2],
      [3, 4, 5, 6],
    ]);
    expect(lane.acknowledged).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("does not wait once the process is to stop", async () => {
    const lane = laneWith([]);
    lane.add(1);
    lane.calls.hurry();
    await vi.advanceTimersByTimeAsync(0);
    expect(lane.acknowledged).toEqual([1]);
  });

  test("holds no more bytes than a payload may, and what is alone goes alone", async () => {
    const lane = laneWith([]);
    void lane.calls.add(record(1, { bytes: MAX_EVENT_BYTES - 10 }));
    void lane.calls.add(record(2));
    void lane.calls.add(record(3));
    void lane.calls.add(record(4, { alone: true }));
    void lane.calls.add(record(5));
    lane.calls.hurry();
    await vi.advanceTimersByTimeAsync(0);
    expect(lane.seen).toEqual([[1, 2], [3], [4], [5]]);
  });
});

describe("what the function has not done", () => {
  test("comes again from the lowest on, in order, and what is before it is acknowledged", async () => {
    const lane = laneWith([failingFrom(3), failingFrom(4)]);
    lane.add(1, 2, 3, 4);
    await vi.advanceTimersByTimeAsync(0);
    expect(lane.acknowledged).toEqual([1, 2]);
    lane.add(5);
    await vi.runAllTimersAsync();
    expect(lane.seen.map(([first]) => first)).toEqual([1, 3, 4]);
    expect(lane.acknowledged).toEqual([1, 2, 3, 4, 5]);
  });

  test("comes again without limit while it is throttled, ever more slowly, and is trouble from the third time on", async () => {
    const lane = laneWith(Array.from({ length: 50 }, () => throttled));
    lane.add(1, 2);
    await vi.advanceTimersByTimeAsync(WINDOW_MS + 1_000);
    expect(lane.troubles).toContain("the function: TooManyRequestsException: Rate exceeded");
    await vi.runAllTimersAsync();
    expect(lane.seen).toHaveLength(51);
    expect(new Set(lane.seen.map((numbers) => numbers.join()))).toEqual(new Set(["1,2"]));
    expect(lane.acknowledged).toEqual([1, 2]);
    expect(lane.troubles.at(-1)).toBeNull();
  });

  test("goes in halves where the function dies of it, down to one, and together again afterwards", async () => {
    const lane = laneWith([died, died, done, done, done]);
    lane.add(1, 2, 3, 4);
    await vi.runAllTimersAsync();
    expect(lane.seen).toEqual([[1, 2, 3, 4], [1, 2], [1], [2, 3], [4]]);
    expect(lane.acknowledged).toEqual([1, 2, 3, 4]);
  });

  test("is not acknowledged by the answer of another function", async () => {
    const lane = laneWith([{ kind: "answered", payload: null }]);
    lane.add(1);
    await vi.advanceTimersByTimeAsync(WINDOW_MS);
    expect(lane.acknowledged).toEqual([]);
    await vi.runAllTimersAsync();
    expect(lane.acknowledged).toEqual([1]);
  });

  test("waits for a bucket that takes nothing, and keeps its place", async () => {
    const lane = laneWith([]);
    let refusals = 3;
    const large = record(1, {
      alone: true,
      make: () => (refusals-- > 0 ? Promise.reject(new Error("SlowDown")) : record(1).make()),
    });
    void lane.calls.add(large).then(() => lane.acknowledged.push(1));
    lane.add(2);
    await vi.runAllTimersAsync();
    expect(lane.seen).toEqual([[1], [2]]);
    expect(lane.acknowledged).toEqual([1, 2]);
  });

  test("is left unacknowledged when the process ends", async () => {
    const lane = laneWith(["hangs"]);
    lane.add(1, 2);
    await vi.advanceTimersByTimeAsync(WINDOW_MS);
    lane.stop();
    await vi.runAllTimersAsync();
    expect(lane.rejected).toEqual([1, 2]);
    expect(lane.seen).toEqual([[1, 2]]);
  });
});

test("a call that takes long is told, so that nobody takes the process for one that stands still", async () => {
  const lane = laneWith(["hangs"]);
  lane.add(1);
  await vi.advanceTimersByTimeAsync(WINDOW_MS + SLOW_ANSWER_MS);
  expect(lane.troubles).toEqual([expect.stringContaining("has not answered for 15 s")]);
  lane.stop();
  await vi.runAllTimersAsync();
});

test("whatever the answers are, records are acknowledged in their order, once, and never past one that is not done", async () => {
  const answer = fc.oneof(
    fc.constant(done),
    fc.constant(died),
    fc.constant(throttled),
    fc.constant<CallResult>({ kind: "answered", payload: undefined }),
    fc.integer({ min: 1, max: 12 }).map(failingFrom),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(answer, { maxLength: 20 }), fc.integer({ min: 1, max: 5 }), async (answers, maxPacks) => {
      const lane = laneWith(answers, { maxPacks });
      const numbers = Array.from({ length: 12 }, (_, index) => index + 1);
      lane.add(...numbers);
      await vi.runAllTimersAsync();
      expect(lane.acknowledged).toEqual(numbers);
      // Each call begins at the first that is not done.
      const firsts = lane.seen.map(([first = 0]) => first);
      expect(firsts).toEqual(firsts.toSorted((a, b) => a - b));
      for (const call of lane.seen) expect(call).toEqual(call.map((_, index) => (call[0] ?? 0) + index));
    }),
    { numRuns: 200 },
  );
});

test("a sequence number is the entry's id as Redis writes it", () => {
  expect(sequenceNumber({ ms: 1_795_000_000_651, n: 12 })).toBe("1795000000651-12");
});

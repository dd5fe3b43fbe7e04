import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { untilIdle } from "../../../../bin/unified/idle.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function scene(idleAfterMs: number, { connected = true }: { readonly connected?: boolean } = {}) {
  const activity = { connected, lastFrameAtMs: null as number | null, bytesInFlight: 0 };
  const stop = new AbortController();
  let isOver = false;
  const over = untilIdle(() => activity, { idleAfterMs, signal: stop.signal }).then(() => (isOver = true));
  return { activity, stop, over, isOver: () => isOver, pass: (ms: number) => vi.advanceTimersByTimeAsync(ms) };
}

test("waits for ever where no relay has ever been connected, and counts from the first connection", async () => {
  const { activity, pass, isOver } = scene(2_000, { connected: false });
  await pass(600_000);
  expect(isOver()).toBe(false);
  activity.connected = true;
  await pass(1_500);
  expect(isOver()).toBe(false);
  activity.connected = false;
  await pass(1_000);
  expect(isOver()).toBe(true);
});

test("counts from the connection where nothing has ever arrived", async () => {
  const { pass, isOver } = scene(2_000);
  await pass(1_800);
  expect(isOver()).toBe(false);
  await pass(400);
  expect(isOver()).toBe(true);
});

test("each arrival begins the time anew", async () => {
  const { activity, pass, isOver } = scene(2_000);
  for (let round = 0; round < 5; round += 1) {
    await pass(1_500);
    activity.lastFrameAtMs = Date.now();
  }
  expect(isOver()).toBe(false);
  await pass(2_200);
  expect(isOver()).toBe(true);
});

test("waits until all is durable, however long that takes", async () => {
  const { activity, pass, isOver } = scene(1_000);
  activity.bytesInFlight = 10;
  await pass(60_000);
  expect(isOver()).toBe(false);
  activity.bytesInFlight = 0;
  await pass(200);
  expect(isOver()).toBe(true);
});

test("ends with the signal", async () => {
  const { stop, over, pass } = scene(1_000_000);
  await pass(500);
  stop.abort();
  await over;
});

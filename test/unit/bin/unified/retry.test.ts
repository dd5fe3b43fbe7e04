import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { retried } from "../../../../bin/unified/retry.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("tries ever more slowly, up to five seconds, until it works", async () => {
  const delays: number[] = [];
  let tries = 0;
  const result = retried(
    async () => {
      tries += 1;
      if (tries < 8) throw new Error("away");
      return tries;
    },
    { signal: new AbortController().signal, worthRetrying: () => true, onRetry: (_, delayMs) => delays.push(delayMs) },
  );
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await result).toBe(8);
  expect(delays).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
});

test("throws at once what no retry mends", async () => {
  const fault = new Error("wrong password");
  let tries = 0;
  const work = (): Promise<never> => {
    tries += 1;
    return Promise.reject(fault);
  };
  const options = { signal: new AbortController().signal, worthRetrying: () => false, onRetry: () => undefined };
  await expect(retried(work, options)).rejects.toBe(fault);
  expect(tries).toBe(1);
});

test("gives up with the signal's reason, also while it waits", async () => {
  const stop = new AbortController();
  const reason = new Error("stopped");
  const result = retried(() => Promise.reject(new Error("away")), {
    signal: stop.signal,
    worthRetrying: () => true,
    onRetry: () => undefined,
  });
  setTimeout(() => stop.abort(reason), 100);
  const [outcome] = await Promise.all([Promise.allSettled([result]), vi.advanceTimersByTimeAsync(100)]);
  expect(outcome).toEqual([{ status: "rejected", reason }]);
});

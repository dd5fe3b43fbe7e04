import { expect, test } from "vitest";
import { createRateMeter } from "../../../lib/telemetry/rate.ts";

test("gives events a second over the last five seconds, and comes back to zero", () => {
  let nowMs = 0;
  const meter = createRateMeter(() => nowMs);
  const rates: number[] = [];
  for (let second = 0; second <= 40; second += 1) {
    nowMs = second * 1000;
    rates.push(meter.sample(Math.min(second, 20) * 500));
  }
  expect(rates[0]).toBe(0);
  expect(rates[1]).toBe(500);
  expect(rates[20]).toBe(500);
  expect(rates[23]).toBeCloseTo(200);
  expect(rates[26]).toBe(0);
});

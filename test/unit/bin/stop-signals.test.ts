import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { listenForStop, StopRequested, type StopSignals } from "../../../bin/stop-signals.ts";

let stop: StopSignals;
let heard: string[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
  heard = [];
  stop = listenForStop((name) => heard.push(name));
});
afterEach(() => {
  stop[Symbol.dispose]();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function watchKills(): string[] {
  const kills: string[] = [];
  vi.spyOn(process, "kill").mockImplementation((_, signal) => {
    kills.push(String(signal));
    return true;
  });
  return kills;
}

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("the first %s asks for a stop", (signal) => {
  process.emit(signal, signal);
  expect(heard).toEqual([signal]);
  expect(stop.signal.reason).toBeInstanceOf(StopRequested);
});

test("the same keystroke forwarded by npm is not a second one", () => {
  const kills = watchKills();
  process.emit("SIGINT", "SIGINT");
  vi.advanceTimersByTime(50);
  process.emit("SIGINT", "SIGINT");
  expect(heard).toHaveLength(1);
  expect(kills).toEqual([]);
});

test("a second one ends the process at once, as if nobody listened", () => {
  const kills = watchKills();
  const before = process.listenerCount("SIGINT");
  process.emit("SIGINT", "SIGINT");
  vi.advanceTimersByTime(2_000);
  process.emit("SIGINT", "SIGINT");
  expect(kills).toEqual(["SIGINT"]);
  expect(process.listenerCount("SIGINT")).toBe(before - 1);
});

test("a fault stops as well, with itself as the reason", () => {
  const fault = new Error("the directory was taken over");
  stop.fail(fault);
  expect(stop.signal.reason).toBe(fault);
});

import { expect, test } from "vitest";
import { createWatchdog, type StageState } from "../../../lib/telemetry/watchdog.ts";

/** A stage whose state the test sets, and a clock that it turns. */
function scene() {
  let nowMs = 0;
  const stage: { -readonly [Key in keyof StageState]: StageState[Key] } = {
    progress: 0,
    hasInput: true,
    downstreamOk: true,
  };
  const watchdog = createWatchdog({ stages: [{ name: "consume", state: () => ({ ...stage }) }], nowMs: () => nowMs });
  const pass = (seconds: number): readonly string[] => {
    for (let second = 0; second < seconds; second += 1) {
      nowMs += 1000;
      watchdog.sample();
    }
    return watchdog.stuck();
  };
  return { stage, watchdog, pass, sleep: (ms: number) => (nowMs += ms) };
}

test("a stage that had input and a willing downstream for 60 s and did not move is stuck", () => {
  const { pass } = scene();
  expect(pass(60)).toEqual([]);
  expect(pass(2)).toEqual(["consume"]);
});

test("it is well again as soon as it moves", () => {
  const { stage, pass } = scene();
  pass(70);
  stage.progress += 1;
  expect(pass(1)).toEqual([]);
});

test("a slow stage is not stuck", () => {
  const { stage, pass } = scene();
  for (let round = 0; round < 10; round += 1) {
    expect(pass(50)).toEqual([]);
    stage.progress += 1;
  }
});

test("without input nothing is stuck", () => {
  const { stage, pass } = scene();
  stage.hasInput = false;
  expect(pass(600)).toEqual([]);
});

test("while the downstream is away nothing is stuck, and the minute begins anew afterwards", () => {
  const { stage, pass } = scene();
  stage.downstreamOk = false;
  expect(pass(600)).toEqual([]);
  stage.downstreamOk = true;
  expect(pass(59)).toEqual([]);
  expect(pass(2)).toEqual(["consume"]);
});

test("a machine that slept for an hour is not stuck when it wakes", () => {
  const { pass, sleep } = scene();
  pass(5);
  sleep(3_600_000);
  expect(pass(1)).toEqual([]);
});

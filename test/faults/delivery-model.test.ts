/** Random interleavings of delivery against our ingest and consume in one process: puts that get lost, crashes, replays, take-overs. */
import { expect, test } from "vitest";
import { runSchedules } from "./model/run-schedules.ts";

/** `npm run model` goes on as long as one likes. */
const RUNS = 2_000;
const LIMIT_MS = 30_000;

test("whatever happens on the way, the database ends as the network does, and the cursor never runs ahead", {
  timeout: 120_000,
}, async () => {
  const seed = Number(process.env["STANDPIPE_MODEL_SEED"] ?? Date.now() % 1_000_000_000);
  expect(await runSchedules({ runs: RUNS, seed, limitMs: LIMIT_MS })).toBeGreaterThan(100);
});

/** Random faults against the real processes, seed by seed; `npm run faults` says how many and which. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seededRandom } from "../../fuzz/mutate.ts";
import { type AwsServers, startAwsServers } from "../../support/aws-scene.ts";
import { openKinesis } from "./pipelines/kinesis.ts";
import type { Pipeline, PipelineParts } from "./pipelines/pipeline.ts";
import { openRedis } from "./pipelines/redis.ts";
import { openUnified } from "./pipelines/unified.ts";
import { type PostgresServer, startPostgresServer } from "./postgres-server.ts";
import { keepResult } from "./results.ts";
import { runSeed } from "./run-seed.ts";
import { MODES, type Mode } from "./world.ts";

/** So that what a pipeline draws changes no schedule. */
const OF_THE_PIPELINE = 1_000_000;
const SEED_LIMIT_MS = 240_000;
const {
  FAULT_MODES = MODES.join(","),
  FAULT_FIRST = "1",
  FAULT_SEEDS = "3",
  FAULT_KEEP = "",
  FAULT_COMMIT = "",
  FAULT_ALWAYS = "",
} = process.env;
const always = FAULT_ALWAYS === "" ? {} : { always: FAULT_ALWAYS };
const modes = FAULT_MODES.split(",") as Mode[];
const seeds = Array.from({ length: Number(FAULT_SEEDS) }, (_, index) => Number(FAULT_FIRST) + index);

let server: PostgresServer;
let aws: AwsServers | undefined;

beforeAll(async () => {
  server = await startPostgresServer();
  if (modes.includes("kinesis")) aws = await startAwsServers();
});

afterAll(async () => {
  await aws?.[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function open(mode: Mode, seed: number): (parts: PipelineParts) => Promise<Pipeline> {
  switch (mode) {
    case "unified":
      return openUnified;
    case "kinesis":
      return (parts) =>
        aws === undefined
          ? Promise.reject(new Error("no servers"))
          : openKinesis(parts, aws, seededRandom(seed + OF_THE_PIPELINE));
    case "redis":
      return (parts) => openRedis(parts, seededRandom(seed + OF_THE_PIPELINE));
  }
}

describe.each(modes)("%s", (mode) => {
  test.each(seeds)(`seed %i loses nothing`, { timeout: SEED_LIMIT_MS }, async (seed) => {
    const result = await runSeed({ mode, seed, server, ...always, openPipeline: open(mode, seed) });
    console.log(
      `${mode} ${seed}: ${result.frames} frames, ${result.seconds} s, ${result.peakMb} MB, ${result.connections} connections: ${result.faults.join("; ")}`,
    );
    if (FAULT_KEEP === "yes") keepResult(result, FAULT_COMMIT);
    expect(
      result.found,
      `again: npm run faults -- --mode ${mode} --first ${seed} --seeds 1${FAULT_ALWAYS === "" ? "" : ` --fault "${FAULT_ALWAYS}"`}`,
    ).toEqual([]);
  });
});

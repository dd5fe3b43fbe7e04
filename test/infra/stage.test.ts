import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { STOP_BEFORE_END_MS } from "../../functions/index-events/create-handler.ts";
import { checkStage, STAGES, STOP_BEFORE_END_SECONDS, type Stage, stageNamed } from "../../lib/infra/stage.ts";
import { projectRoot } from "../support/project-root.ts";

const { production } = STAGES;
const runbook = readFileSync(join(projectRoot, "docs/runbook.md"), "utf8");

/** As a page tells them: `cpuUnits: 512, memoryMiB: 1024`. */
function taskSizesOf(page: string): readonly Pick<Stage["ingester"], "cpuUnits" | "memoryMiB">[] {
  return Array.from(page.matchAll(/`cpuUnits: (\d+), memoryMiB: (\d+)`/g), ([, cpuUnits, memoryMiB]) => ({
    cpuUnits: Number(cpuUnits),
    memoryMiB: Number(memoryMiB),
  }));
}

describe("a stage", () => {
  it.each(Object.values(STAGES))("$name goes together", (stage) => {
    expect(() => checkStage(stage)).not.toThrow();
  });

  it.each<[string, Stage, string]>([
    [
      "more workers than lanes",
      { ...production, indexer: { ...production.indexer, parallelization: 5 } },
      "10 workers, more than 8 lanes",
    ],
    [
      "records that vanish before they reach the bucket",
      { ...production, stream: { ...production.stream, retentionHours: 36 } },
      "must be less than retentionHours 36",
    ],
    [
      "storage that RDS would refuse to grow",
      { ...production, database: { ...production.database, maxAllocatedGiB: 55 } },
      "more than 10 % above allocatedGiB 50",
    ],
    [
      "a task size that Fargate has not",
      { ...production, ingester: { ...production.ingester, cpuUnits: 512, memoryMiB: 512 } },
      "memoryMiB 512 with cpuUnits 512: Fargate has 1024 to 4096 MiB for that, as 1024, 2048, 3072",
    ],
    [
      "units of CPU that Fargate has not",
      { ...production, ingester: { ...production.ingester, cpuUnits: 768, memoryMiB: 2048 } },
      "cpuUnits 768: Fargate has 256, 512, 1024",
    ],
    [
      "a function that would stop before it begins",
      { ...production, indexer: { ...production.indexer, timeoutSeconds: 10 } },
      "timeoutSeconds 10 of the indexer must be more than 10",
    ],
  ])("is refused for %s", (_, stage, reason) => {
    expect(() => checkStage(stage)).toThrow(reason);
  });

  it("is refused at the very seconds before its end at which the function stops", () => {
    expect(STOP_BEFORE_END_SECONDS * 1000).toBe(STOP_BEFORE_END_MS);
  });

  it.each(taskSizesOf(runbook))("of the size that the runbook tells to deploy is taken: %j", (size) => {
    expect(() => checkStage({ ...production, ingester: { ...production.ingester, ...size } })).not.toThrow();
  });

  it("has its sizes told with both numbers, each time", () => {
    expect(taskSizesOf(runbook).length).toBeGreaterThanOrEqual(2);
    expect(runbook.match(/(?:double|four times the) `cpuUnits`/)).toBeNull();
  });

  it("of another name is refused with the names that there are", () => {
    expect(() => stageNamed("staging")).toThrow("no stage staging: must be one of development, production, localstack");
  });
});

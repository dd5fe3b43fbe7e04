import { describe, expect, it } from "vitest";
import { checkStage, STAGES, type Stage, stageNamed } from "../../lib/infra/stage.ts";

const { production } = STAGES;

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
  ])("is refused for %s", (_, stage, reason) => {
    expect(() => checkStage(stage)).toThrow(reason);
  });

  it("of another name is refused with the names that there are", () => {
    expect(() => stageNamed("staging")).toThrow("no stage staging: must be one of development, production, localstack");
  });
});

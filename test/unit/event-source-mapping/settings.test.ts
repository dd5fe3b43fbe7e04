import { describe, expect, it } from "vitest";
import { readMappingSettings } from "../../support/event-source-mapping/settings.ts";

const REQUIRED = { EventSourceArn: "arn", FunctionName: "name", StartingPosition: "TRIM_HORIZON" };

describe("the properties of a mapping", () => {
  it("have the defaults of AWS", () => {
    expect(readMappingSettings(REQUIRED)).toEqual({
      batchSize: 100,
      batchingWindowMs: 0,
      parallelizationFactor: 1,
      bisectBatchOnFunctionError: false,
      reportBatchItemFailures: false,
      maximumRetryAttempts: -1,
      maximumRecordAgeMs: null,
    });
  });

  it("are read in their units", () => {
    const given = {
      BatchSize: 7,
      MaximumBatchingWindowInSeconds: 2,
      ParallelizationFactor: 3,
      BisectBatchOnFunctionError: true,
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      MaximumRetryAttempts: 5,
      MaximumRecordAgeInSeconds: 60,
    };
    expect(readMappingSettings({ ...REQUIRED, ...given })).toEqual({
      batchSize: 7,
      batchingWindowMs: 2_000,
      parallelizationFactor: 3,
      bisectBatchOnFunctionError: true,
      reportBatchItemFailures: true,
      maximumRetryAttempts: 5,
      maximumRecordAgeMs: 60_000,
    });
  });

  it("are refused where nobody here does what they ask for", () => {
    expect(() => readMappingSettings({ ...REQUIRED, TumblingWindowInSeconds: 5 })).toThrow(/TumblingWindowInSeconds/);
    expect(() => readMappingSettings({ ...REQUIRED, StartingPosition: "LATEST" })).toThrow(/LATEST/);
    expect(() => readMappingSettings({ ...REQUIRED, BatchSize: "many" })).toThrow(/many/);
  });
});

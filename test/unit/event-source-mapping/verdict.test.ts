import { describe, expect, it } from "vitest";
import {
  answered,
  failedFrom,
  recordsOf,
  SETTINGS,
  THROTTLED,
  THROWN,
} from "../../support/event-source-mapping/scripted.ts";
import { judge } from "../../support/event-source-mapping/verdict.ts";

const records = recordsOf(1, 2, 3);
const verdictOn = (payload: unknown) => judge(answered(payload), records, SETTINGS);

describe("what a function answers", () => {
  it.each([
    ["an empty list", { batchItemFailures: [] }],
    ["a list that is null", { batchItemFailures: null }],
    ["an empty object", {}],
    ["null", null],
  ])("is a success: %s", (_name, payload) => {
    expect(verdictOn(payload)).toEqual({ kind: "done" });
  });

  it("is a checkpoint at the lowest of several numbers, in whatever order they are named", () => {
    expect(judge(failedFrom(3, 2), records, SETTINGS)).toEqual({ kind: "failed-from", index: 1 });
    expect(judge(failedFrom(1), records, SETTINGS)).toEqual({ kind: "failed-from", index: 0 });
  });

  it.each([
    ["an empty identifier", [{ itemIdentifier: "" }]],
    ["an identifier that is null", [{ itemIdentifier: null }]],
    ["an identifier under another name", [{ sequenceNumber: "2" }]],
    ["an identifier of no record", [{ itemIdentifier: "4" }]],
    ["one of these beside a right one", [{ itemIdentifier: "2" }, { itemIdentifier: "4" }]],
    ["something that is no object", ["2"]],
  ])("fails the whole batch: %s", (_name, batchItemFailures) => {
    expect(verdictOn({ batchItemFailures })).toEqual({ kind: "failed" });
  });

  it("is looked at only where the mapping asks for it", () => {
    const settings = { reportBatchItemFailures: false };
    expect(judge(failedFrom(2), records, settings)).toEqual({ kind: "done" });
    expect(judge(THROWN, records, settings)).toEqual({ kind: "failed" });
  });
});

it("a throw fails the whole batch, a call that did not take place none of it", () => {
  expect(judge(THROWN, records, SETTINGS)).toEqual({ kind: "failed" });
  expect(judge(THROTTLED, records, SETTINGS)).toEqual({ kind: "not-called" });
});

/**
 * What a call ended with in, what it means for its batch out. The rules: "Configuring partial batch response with Kinesis Data Streams and
 * Lambda", developer guide of AWS Lambda.
 */

import type { Invocation, StreamRecord } from "./port.ts";
import type { MappingSettings } from "./settings.ts";

export type Verdict =
  | { readonly kind: "done" }
  | { readonly kind: "not-called" }
  /** All of it comes again. */
  | { readonly kind: "failed" }
  /** Everything before is done, however many failures were named: the lowest number is the checkpoint. */
  | { readonly kind: "failed-from"; readonly index: number };

export function judge(
  invocation: Invocation,
  records: readonly StreamRecord[],
  { reportBatchItemFailures }: Pick<MappingSettings, "reportBatchItemFailures">,
): Verdict {
  switch (invocation.kind) {
    case "not-called":
      return { kind: "not-called" };
    case "function-error":
      return { kind: "failed" };
    case "answered":
      // Without the option nobody looks at what the function answers.
      return reportBatchItemFailures ? judgeAnswer(invocation.payload, records) : { kind: "done" };
  }
}

/** Nothing, an empty object, and a list that is null or empty are success; an identifier that is no record's fails all of it. */
function judgeAnswer(payload: unknown, records: readonly StreamRecord[]): Verdict {
  const failures = isObject(payload) ? (payload["batchItemFailures"] ?? []) : [];
  if (!Array.isArray(failures) || failures.length === 0) return { kind: "done" };
  const places = failures.map((failure: unknown) => placeOf(failure, records));
  const lowest = Math.min(...places);
  return lowest === -1 ? { kind: "failed" } : { kind: "failed-from", index: lowest };
}

/** -1: an identifier that is empty, null, under another name, or no record's of the batch. */
function placeOf(failure: unknown, records: readonly StreamRecord[]): number {
  const identifier = isObject(failure) ? failure["itemIdentifier"] : undefined;
  return records.findIndex(({ sequenceNumber }) => sequenceNumber === identifier);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

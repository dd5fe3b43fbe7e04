/** What the function answered in, how many records from the first on are done out. */
import { type LaneRecord, sequenceNumber } from "./event.ts";

export type AnswerResult =
  | { readonly ok: true; readonly done: number }
  /** Another function's answer, or one that names what it was not given: nothing may be taken for done. */
  | { readonly ok: false; readonly reason: "no-answer-of-ours" | "unknown-record" };

/**
 * Everything before the lowest record that is named is done, as with Lambda's own reading of a stream. What Lambda takes for success without a
 * list, such as `null`, is none here: a setting that names some other function must not acknowledge a stream.
 */
export function readAnswer(payload: unknown, records: readonly LaneRecord[]): AnswerResult {
  const failures = isObject(payload) ? payload["batchItemFailures"] : undefined;
  if (!Array.isArray(failures)) return { ok: false, reason: "no-answer-of-ours" };
  const places = failures.map((failure: unknown) => placeOf(failure, records));
  if (places.includes(-1)) return { ok: false, reason: "unknown-record" };
  return { ok: true, done: Math.min(records.length, ...places) };
}

/** -1: no record of the call. */
function placeOf(failure: unknown, records: readonly LaneRecord[]): number {
  const identifier = isObject(failure) ? failure["itemIdentifier"] : undefined;
  return records.findIndex(({ id }) => sequenceNumber(id) === identifier);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/**
 * The bytes of an on-failure record in, the records of the stream that Lambda gave up out.
 *
 * Source: "Retain discarded batch records for a Kinesis Data Streams event source" in the developer guide of AWS Lambda: at an S3
 * destination the field `payload` is the event that the function was called with, as JSON within the JSON. The event: "Using Lambda to
 * process records from Amazon Kinesis Data Streams" there.
 */
import type { FailedRecord } from "./port.ts";

export interface FailedBatch {
  /** In the order of their shard; one at least. */
  readonly records: readonly FailedRecord[];
  /** When the oldest of them came into the stream, Unix milliseconds: every delete that it may undo was applied later. */
  readonly oldestAtMs: number;
}

export type FailedBatchResult =
  | { readonly ok: true; readonly batch: FailedBatch }
  | { readonly ok: false; readonly reason: string };

/** Never throws: whoever copied the file may have copied anything. */
export function readFailedBatch(bytes: Uint8Array): FailedBatchResult {
  const object = parsed(new TextDecoder().decode(bytes));
  if (!isObject(object)) return fault("it is no JSON object");
  if (object["payload"] === undefined) return fault("it has no payload: only a destination in S3 gets one");
  const event = typeof object["payload"] === "string" ? parsed(object["payload"]) : object["payload"];
  const entries = isObject(event) ? event["Records"] : undefined;
  if (!Array.isArray(entries) || entries.length === 0) return fault("its payload is no event with records");
  const records: FailedRecord[] = [];
  let oldestAtMs = Number.POSITIVE_INFINITY;
  for (const [index, entry] of entries.entries()) {
    const read = readEntry(entry);
    if (read === null) return fault(`record ${index + 1} of ${entries.length} is none of Kinesis`);
    records.push(read.record);
    oldestAtMs = Math.min(oldestAtMs, read.arrivedAtMs);
  }
  return { ok: true, batch: { records, oldestAtMs } };
}

function readEntry(entry: unknown): { readonly record: FailedRecord; readonly arrivedAtMs: number } | null {
  const kinesis = isObject(entry) ? entry["kinesis"] : undefined;
  if (!isObject(kinesis)) return null;
  const { partitionKey, data: text, approximateArrivalTimestamp: arrivedAtSeconds } = kinesis;
  if (typeof partitionKey !== "string" || typeof text !== "string" || typeof arrivedAtSeconds !== "number") return null;
  const data = Buffer.from(text, "base64");
  // Node leaves out what is no base64: a record that was damaged must not go on as another one.
  if (data.toString("base64") !== text) return null;
  return { record: { partitionKey, data }, arrivedAtMs: arrivedAtSeconds * 1000 };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fault(reason: string): FailedBatchResult {
  return { ok: false, reason };
}

/**
 * A batch in, all of it done or delivered to the destination for failures out. The rules: "Retain discarded batch records for a Kinesis
 * Data Streams event source in Lambda" (*retain*) and "Configuring partial batch response with Kinesis Data Streams and Lambda"
 * (*partial*), developer guide of AWS Lambda. What they leave open is said at its place.
 */
import type { Clock, DiscardedBatch, Invocation, StreamRecord } from "./port.ts";
import type { MappingSettings } from "./settings.ts";
import { judge } from "./verdict.ts";

export interface BatchWork {
  /** Asked before each try: a mapping may be updated meanwhile. */
  readonly settings: () => MappingSettings;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Before the try that follows so many in vain. AWS does not say how long it waits. */
  readonly retryAfterMs: (failures: number) => number;
  /** Never rejects. */
  readonly call: (records: readonly StreamRecord[]) => Promise<Invocation>;
  /** Resolves when they are at the destination, or lost where there is none. */
  readonly discard: (batch: Omit<DiscardedBatch, "shardId">) => Promise<void>;
  /** So many more are done. */
  readonly onDone: (records: readonly StreamRecord[]) => void;
}

/** Neighbouring records that are tried together. */
interface Part {
  readonly records: readonly StreamRecord[];
  /** Tries that count against the limit. */
  readonly attempts: number;
  /** Tries in vain since the last progress, for the wait before the next one. */
  readonly failures: number;
  readonly calls: number;
  readonly last: Invocation | null;
}

/** Rejects with the signal's reason once it aborts. */
export async function workBatch(records: readonly StreamRecord[], work: BatchWork): Promise<void> {
  const parts: Part[] = [{ records, attempts: 0, failures: 0, calls: 0, last: null }];
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    if (part.failures > 0) await work.clock.wait(work.retryAfterMs(part.failures), work.signal);
    work.signal.throwIfAborted();
    parts.unshift(...(await workPart(part, work)));
  }
}

/** One call at the most; what is left to do of the part, in order. */
async function workPart(part: Part, work: BatchWork): Promise<readonly Part[]> {
  const fresh = await withoutExpired(part, work);
  const { records } = fresh;
  if (records.length === 0) return [];
  const invocation = await work.call(records);
  const verdict = judge(invocation, records, work.settings());
  const tried: Part = { ...fresh, calls: fresh.calls + 1, last: invocation };
  switch (verdict.kind) {
    case "done":
      work.onDone(records);
      return [];
    case "not-called":
      // *retain*: before an invocation it is retried until the records expire, whatever the number of attempts may be.
      return [{ ...fresh, failures: fresh.failures + 1 }];
    case "failed":
      return work.settings().bisectBatchOnFunctionError && records.length > 1 ? halvesOf(tried) : again(tried, work);
    case "failed-from":
      work.onDone(records.slice(0, verdict.index));
      return afterCheckpoint(tried, verdict.index, work);
  }
}

/** *retain*: splitting does not consume the retry quota. Both halves are tried, the first one first. */
function halvesOf(part: Part): readonly Part[] {
  const middle = Math.ceil(part.records.length / 2);
  return [part.records.slice(0, middle), part.records.slice(middle)].map((records) => ({
    ...part,
    records,
    failures: 1,
  }));
}

/**
 * *partial*: everything from the lowest number on comes again; with bisect that is a split at this number, and only what remains is tried
 * again. Where it is the first one nothing was split, so that we count it as an attempt.
 */
async function afterCheckpoint(part: Part, index: number, work: BatchWork): Promise<readonly Part[]> {
  const rest: Part = { ...part, records: part.records.slice(index) };
  if (index > 0 && work.settings().bisectBatchOnFunctionError) return [{ ...rest, failures: 1 }];
  return again(rest, work);
}

async function again(part: Part, work: BatchWork): Promise<readonly Part[]> {
  const { maximumRetryAttempts } = work.settings();
  // The first call is no retry. -1 is without limit ("Lambda parameters for Amazon Kinesis Data Streams event source mappings").
  if (maximumRetryAttempts !== -1 && part.attempts >= maximumRetryAttempts) {
    await work.discard({ ...part, condition: "RetryAttemptsExhausted" });
    return [];
  }
  return [{ ...part, attempts: part.attempts + 1, failures: part.failures + 1 }];
}

/** `MaximumRecordAgeInSeconds` is the highest age of a record that is sent to the function (API reference): older ones go, younger ones stay. */
async function withoutExpired(part: Part, { settings, clock, discard }: BatchWork): Promise<Part> {
  const { maximumRecordAgeMs } = settings();
  if (maximumRecordAgeMs === null) return part;
  const oldestMs = clock.nowMs() - maximumRecordAgeMs;
  const firstYoung = part.records.findIndex(({ arrivedAtMs }) => arrivedAtMs >= oldestMs);
  const expired = firstYoung === -1 ? part.records : part.records.slice(0, firstYoung);
  if (expired.length === 0) return part;
  await discard({ ...part, records: expired, condition: "RecordAgeExceeded" });
  return { ...part, records: part.records.slice(expired.length) };
}

/** Records, one by one, to PutRecords calls: what is asked for in one turn of the event loop goes together. */
import { type KinesisClient, PutRecordsCommand, type PutRecordsResultEntry } from "@aws-sdk/client-kinesis";
import type { Telemetry } from "../../telemetry/port.ts";
import type { LaneKeys } from "./lane-keys.ts";
import { MAX_CALL_BYTES, MAX_CALL_RECORDS, MAX_CALLS_AT_A_TIME } from "./limits.ts";

export interface StreamRecord {
  readonly keys: LaneKeys;
  readonly data: Uint8Array;
}

/** `failed`: this record, or the call as a whole. It may be in the stream all the same, where an answer got lost. */
export type PutOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface PutCallsOptions {
  readonly client: KinesisClient;
  readonly streamName: string;
  /** Resolves when this process may send, right before each call; rejects when it never may again. */
  readonly permit: () => Promise<void>;
  readonly telemetry: Telemetry;
  readonly signal: AbortSignal;
}

interface Waiting {
  readonly record: StreamRecord;
  readonly resolve: (outcome: PutOutcome) => void;
  readonly reject: (error: unknown) => void;
}

export class PutCalls {
  readonly #options: PutCallsOptions;
  readonly #waiting: Waiting[] = [];
  #underWay = 0;
  #isScheduled = false;

  constructor(options: PutCallsOptions) {
    this.#options = options;
  }

  /** One attempt. Rejects only as `permit` does. */
  put(record: StreamRecord): Promise<PutOutcome> {
    const { promise, resolve, reject } = Promise.withResolvers<PutOutcome>();
    this.#waiting.push({ record, resolve, reject });
    this.#schedule();
    return promise;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0 || this.#underWay === MAX_CALLS_AT_A_TIME) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const group = this.#waiting.splice(0, fittingCount(this.#waiting));
      if (group.length > 0) void this.#send(group);
      this.#schedule();
    });
  }

  /** Never rejects. */
  async #send(group: readonly Waiting[]): Promise<void> {
    this.#underWay++;
    try {
      await this.#options.permit();
      const outcomes = await this.#call(group.map(({ record }) => record));
      for (const [index, { resolve }] of group.entries()) resolve(outcomes[index] ?? NO_ANSWER);
    } catch (error) {
      for (const { reject } of group) reject(error);
    } finally {
      this.#underWay--;
      this.#schedule();
    }
  }

  async #call(records: readonly StreamRecord[]): Promise<readonly PutOutcome[]> {
    const { client, streamName, telemetry, signal } = this.#options;
    const command = new PutRecordsCommand({
      StreamName: streamName,
      Records: records.map(({ keys, data }) => ({
        PartitionKey: keys.partitionKey,
        ExplicitHashKey: keys.explicitHashKey,
        Data: data,
      })),
    });
    telemetry.count("put_calls_total");
    try {
      const { Records = [] } = await client.send(command, { abortSignal: signal });
      const outcomes = records.map((_, index) => outcomeOf(Records[index]));
      const durable = records.filter((_, index) => outcomes[index]?.ok === true);
      telemetry.count("put_records_total", durable.length);
      telemetry.count(
        "put_bytes_total",
        durable.reduce((sum, { data }) => sum + data.length, 0),
      );
      return outcomes;
    } catch (error) {
      const outcome = failureOf(error);
      return records.map(() => outcome);
    }
  }
}

const NO_ANSWER: PutOutcome = { ok: false, code: "NoAnswer", message: "the answer has too few records" };

function outcomeOf(entry: PutRecordsResultEntry | undefined): PutOutcome {
  if (entry === undefined) return NO_ANSWER;
  const { ErrorCode: code, ErrorMessage: message } = entry;
  return code === undefined || code === null ? { ok: true } : { ok: false, code, message: message ?? code };
}

/** As many of the oldest as one call takes. */
function fittingCount(waiting: readonly Waiting[]): number {
  let bytes = 0;
  for (const [index, { record }] of waiting.entries()) {
    bytes += record.data.length + record.keys.partitionKey.length;
    if (index === MAX_CALL_RECORDS || (index > 0 && bytes > MAX_CALL_BYTES)) return index;
  }
  return waiting.length;
}

/** Names of errors, as AWS and Node give them, are few: they serve as a metric's label. */
export function failureOf(error: unknown): PutOutcome & { readonly ok: false } {
  if (!(error instanceof Error)) return { ok: false, code: "Unknown", message: String(error) };
  const { code } = error as NodeJS.ErrnoException;
  return { ok: false, code: code ?? error.name, message: error.message };
}

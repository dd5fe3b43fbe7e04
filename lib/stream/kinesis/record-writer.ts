/** Records that were in the stream before in, the same records in it again out: each in its lane, byte for byte. */
import type { KinesisClient } from "@aws-sdk/client-kinesis";
import type { Telemetry } from "../../telemetry/port.ts";
import { backoffMs, pause } from "./backoff.ts";
import { KinesisPutError } from "./errors.ts";
import { GAP_LANE, laneKeys, laneNamed } from "./lane-keys.ts";
import { PutCalls, type StreamRecord } from "./put-calls.ts";
import { readRecord } from "./read-record.ts";

/** As readers get it. */
export interface FormerRecord {
  readonly partitionKey: string;
  readonly data: Uint8Array;
}

export type Placement =
  | {
      readonly ok: true;
      readonly record: StreamRecord /** As its header says; 0 where it cannot be read. */;
      readonly events: number;
    }
  | { readonly ok: false; readonly reason: string };

/**
 * Where a record belongs. One that can be read neither as a pack nor as a reference has its place all the same: the consumer keeps it as
 * a dead letter. One of another number of lanes would stop the consumer.
 */
export function placeRecord({ partitionKey, data }: FormerRecord, { lanes }: { readonly lanes: number }): Placement {
  const read = readRecord(data);
  if (!read.ok) {
    const { explicitHashKey } = laneKeys({ lane: laneNamed(partitionKey, { lanes }), lanes });
    return { ok: true, record: { keys: { partitionKey, explicitHashKey }, data }, events: 0 };
  }
  if (read.kind === "gap") return { ok: true, record: { keys: laneKeys({ lane: GAP_LANE, lanes }), data }, events: 0 };
  const { header } = read.kind === "pack" ? read.pack : read.reference;
  if (header.lanes !== lanes) {
    const reason = `a pack in it was written with LANES=${header.lanes}, and the stream is read with LANES=${lanes}: set LANES to the number of the deployment; packs of another number cannot be applied any more`;
    return { ok: false, reason };
  }
  return { ok: true, record: { keys: laneKeys(header), data }, events: header.count };
}

export interface RecordWriterOptions {
  readonly client: KinesisClient;
  readonly streamName: string;
  readonly telemetry: Telemetry;
  /** A random number in [0, 1), for the jitter of the waits. */
  readonly random: () => number;
  /** Cuts the waits between attempts, not a call that is under way. */
  readonly signal: AbortSignal;
  /** So long may one record be refused, and tried again, before it is given up. */
  readonly giveUpAfterMs: number;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

export interface RecordWriter {
  /**
   * Resolves when all are durable, in order within each lane, lanes side by side. Rejects with KinesisPutError where the stream does not
   * take one of them, and with the signal's reason: some of them may be in the stream by then.
   */
  put(records: readonly StreamRecord[]): Promise<void>;
}

const NEVER = new AbortController().signal;

export function createRecordWriter(options: RecordWriterOptions): RecordWriter {
  const { client, streamName, telemetry } = options;
  const calls = new PutCalls({ client, streamName, permit: () => Promise.resolve(), telemetry, signal: NEVER });
  return {
    async put(records) {
      const lanes = Map.groupBy(records, ({ keys }) => keys.explicitHashKey);
      // Nothing is under way any more when this settles.
      const ends = await Promise.allSettled([...lanes.values()].map((lane) => putLane(lane, { ...options, calls })));
      const failed = ends.find((end) => end.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    },
  };
}

async function putLane(
  records: readonly StreamRecord[],
  options: RecordWriterOptions & { readonly calls: PutCalls },
): Promise<void> {
  for (const record of records) await putRecord(record, options);
}

async function putRecord(
  record: StreamRecord,
  options: RecordWriterOptions & { readonly calls: PutCalls },
): Promise<void> {
  const { calls, streamName, telemetry, random, signal, giveUpAfterMs, nowMs } = options;
  const beganAtMs = nowMs();
  for (let failures = 1; ; failures += 1) {
    signal.throwIfAborted();
    const outcome = await calls.put(record);
    if (outcome.ok) return;
    telemetry.count("put_retries_total", 1, outcome.code);
    if (nowMs() - beganAtMs > giveUpAfterMs) throw new KinesisPutError({ streamName, ...outcome, giveUpAfterMs });
    await pause(backoffMs(failures, random), signal);
  }
}

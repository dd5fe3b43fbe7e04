/** What Lambda writes into the failure bucket: packs or any bytes in, the object's key and text out. */
import { randomUUID } from "node:crypto";
import { kinesisEvent, type RecordSource, sequenceNumberAt } from "./kinesis-events.ts";

export interface FailedBatchPlan {
  /** When the records came into the stream. */
  readonly arrivedAtMs?: number;
  /** When they were given up: 36 hours later where nothing else is said. */
  readonly failedAtMs?: number;
  readonly shard?: number;
}

const MAX_AGE_MS = 36 * 3_600_000;

/** In the form of "Retain discarded batch records for a Kinesis Data Streams event source", developer guide of AWS Lambda. */
export function failedBatch(
  sources: readonly RecordSource[],
  plan: FailedBatchPlan = {},
): { readonly key: string; readonly text: string } {
  const { arrivedAtMs = Date.now() - MAX_AGE_MS, failedAtMs = arrivedAtMs + MAX_AGE_MS, shard = 0 } = plan;
  const shardId = `shardId-${String(shard).padStart(12, "0")}`;
  const arrivedAt = new Date(arrivedAtMs).toISOString();
  const failedAt = new Date(failedAtMs).toISOString();
  const day = failedAt.slice(0, 10);
  const time = failedAt.slice(0, 19).replaceAll(":", ".");
  const record = {
    requestContext: {
      requestId: randomUUID(),
      functionArn: "arn:aws:lambda:us-east-1:123456789012:function:index-events",
      condition: "MaximumRecordAgeExceeded",
      approximateInvokeCount: 4_000,
    },
    responseContext: { statusCode: 200, executedVersion: "$LATEST", functionError: null },
    version: "1.0",
    timestamp: failedAt,
    KinesisBatchInfo: {
      shardId,
      startSequenceNumber: sequenceNumberAt(0),
      endSequenceNumber: sequenceNumberAt(sources.length - 1),
      approximateArrivalOfFirstRecord: arrivedAt,
      approximateArrivalOfLastRecord: arrivedAt,
      batchSize: sources.length,
      streamArn: "arn:aws:kinesis:us-east-1:123456789012:stream/packs",
    },
    payload: JSON.stringify(kinesisEvent(sources, { arrivedAtMs })),
  };
  return {
    key: `aws/lambda/${randomUUID()}/${shardId}/${day.replaceAll("-", "/")}/${time}-${randomUUID()}`,
    text: JSON.stringify(record),
  };
}

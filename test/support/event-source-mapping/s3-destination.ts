/**
 * A discarded batch in, an object in S3 out: the only destination that gets the whole event beside its description. Form and name of the object:
 * "Retain discarded batch records for a Kinesis Data Streams event source in Lambda", developer guide of AWS Lambda.
 */
import { randomUUID } from "node:crypto";
import { PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { eventOf, FUNCTION_ARN, STREAM_ARN } from "./event.ts";
import type { DiscardedBatch, FailureDestination, Invocation } from "./port.ts";

export interface S3DestinationOptions {
  readonly client: S3Client;
  readonly bucket: string;
  readonly nowMs: () => number;
}

export function createS3Destination({ client, bucket, nowMs }: S3DestinationOptions): FailureDestination {
  const mappingId = randomUUID();
  return {
    async deliver(batch) {
      const at = new Date(nowMs()).toISOString();
      const key = `aws/lambda/${mappingId}/${batch.shardId}/${at.slice(0, 10).replaceAll("-", "/")}/${at.slice(0, 19).replaceAll(":", ".")}-${randomUUID()}`;
      await client.send(
        new PutObjectCommand({ Bucket: bucket, Key: key, Body: JSON.stringify(failureRecord(batch, at)) }),
      );
    },
  };
}

/** The times are ISO 8601, and the event is text within the JSON. */
export function failureRecord(batch: DiscardedBatch, timestamp: string): Readonly<Record<string, unknown>> {
  const { shardId, records, condition, calls, last } = batch;
  const first = records[0];
  const end = records.at(-1);
  return {
    requestContext: {
      requestId: last === null || last.kind === "not-called" ? randomUUID() : last.requestId,
      functionArn: FUNCTION_ARN,
      condition,
      approximateInvokeCount: calls,
    },
    ...responseContext(last),
    version: "1.0",
    timestamp,
    KinesisBatchInfo: {
      shardId,
      startSequenceNumber: first?.sequenceNumber,
      endSequenceNumber: end?.sequenceNumber,
      approximateArrivalOfFirstRecord: new Date(first?.arrivedAtMs ?? 0).toISOString(),
      approximateArrivalOfLastRecord: new Date(end?.arrivedAtMs ?? 0).toISOString(),
      batchSize: records.length,
      streamArn: STREAM_ARN,
    },
    payload: JSON.stringify(eventOf(records, shardId)),
  };
}

/** A failure that the function only reported is no error of the function. */
function responseContext(last: Invocation | null): Readonly<Record<string, unknown>> {
  if (last === null || last.kind === "not-called") return {};
  const functionError = last.kind === "function-error" ? "Unhandled" : null;
  return { responseContext: { statusCode: 200, executedVersion: "$LATEST", functionError } };
}

import { afterAll, beforeAll, expect, it } from "vitest";
import { createS3Client } from "../../../lib/stream/kinesis/client.ts";
import { eventOf } from "../../support/event-source-mapping/event.ts";
import { createS3Destination, failureRecord } from "../../support/event-source-mapping/s3-destination.ts";
import { recordsOf, THROWN } from "../../support/event-source-mapping/scripted.ts";
import { AWS_ENVIRONMENT } from "../../support/kinesis-local.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";

const BATCH = {
  shardId: "shardId-000000000001",
  records: recordsOf(1, 2),
  condition: "RecordAgeExceeded",
  calls: 3,
  last: THROWN,
} as const;
const AT = Date.UTC(2026, 10, 20, 8, 30, 15, 250);

let s3: S3Server;
beforeAll(async () => {
  Object.assign(process.env, AWS_ENVIRONMENT);
  s3 = await startS3Server();
});
afterAll(() => s3[Symbol.asyncDispose]());

it("puts the whole event beside its description, under mapping, shard and time", async () => {
  const client = createS3Client({ region: null, endpoint: s3.endpoint });
  await createS3Destination({ client, bucket: "failed", nowMs: () => AT }).deliver(BATCH);
  client.destroy();
  const [[path = "", bytes] = []] = s3.objects;
  expect(path).toMatch(
    /^\/failed\/aws\/lambda\/[\da-f-]{36}\/shardId-000000000001\/2026\/11\/20\/2026-11-20T08\.30\.15-[\da-f-]{36}$/,
  );
  const { payload, ...record } = JSON.parse(Buffer.from(bytes ?? []).toString()) as { readonly payload: string };
  expect(JSON.parse(payload)).toEqual(eventOf(BATCH.records, BATCH.shardId));
  expect(record).toEqual({
    requestContext: {
      requestId: "request",
      functionArn: expect.stringMatching(/^arn:aws:lambda:/) as string,
      condition: "RecordAgeExceeded",
      approximateInvokeCount: 3,
    },
    responseContext: { statusCode: 200, executedVersion: "$LATEST", functionError: "Unhandled" },
    version: "1.0",
    timestamp: "2026-11-20T08:30:15.250Z",
    KinesisBatchInfo: {
      shardId: "shardId-000000000001",
      startSequenceNumber: "1",
      endSequenceNumber: "2",
      approximateArrivalOfFirstRecord: "1970-01-01T00:00:00.001Z",
      approximateArrivalOfLastRecord: "1970-01-01T00:00:00.002Z",
      batchSize: 2,
      streamArn: expect.stringMatching(/^arn:aws:kinesis:/) as string,
    },
  });
});

it("says nothing of an answer where the function was never called", () => {
  expect(failureRecord({ ...BATCH, calls: 0, last: null }, "2026-11-20T08:30:15.250Z")).not.toHaveProperty(
    "responseContext",
  );
});

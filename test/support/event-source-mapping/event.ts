/** Records in, the event that the function is called with out: "Using Lambda to process records from Amazon Kinesis Data Streams", developer guide. */
import type { EventRecord, MappingEvent, StreamRecord } from "./port.ts";

export const STREAM_ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/packs";
export const FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:index-events";

/** All records of an event are of one shard. */
export function eventOf(records: readonly StreamRecord[], shardId: string): MappingEvent {
  return { Records: records.map((record) => eventRecord(record, shardId)) };
}

function eventRecord({ sequenceNumber, partitionKey, data, arrivedAtMs }: StreamRecord, shardId: string): EventRecord {
  return {
    kinesis: {
      kinesisSchemaVersion: "1.0",
      partitionKey,
      sequenceNumber,
      data: Buffer.from(data).toString("base64"),
      approximateArrivalTimestamp: arrivedAtMs / 1000,
    },
    eventSource: "aws:kinesis",
    eventVersion: "1.0",
    eventID: `${shardId}:${sequenceNumber}`,
    eventName: "aws:kinesis:record",
    invokeIdentityArn: "arn:aws:iam::123456789012:role/index-events",
    awsRegion: "us-east-1",
    eventSourceARN: STREAM_ARN,
  };
}

/** Of a synchronous call ("Lambda quotas": 6 MB for the request); the limit of the API is the binary one. */
export const MAX_PAYLOAD_BYTES = 6 * 1024 * 1024;

/** Around the records; the last one is followed by no comma. */
const FRAME_BYTES = JSON.stringify({ Records: [] }).length - 1;

/**
 * How many records from the first on make the next batch: as many as `batchSize` and the payload allow ("How event source mappings batch
 * records", developer guide). One at least: a record alone is at most 1 MiB.
 */
export function batchLength(
  records: readonly StreamRecord[],
  { batchSize, maxBytes = MAX_PAYLOAD_BYTES }: { readonly batchSize: number; readonly maxBytes?: number },
): { readonly count: number; readonly isFull: boolean } {
  let bytes = FRAME_BYTES;
  let count = 0;
  for (const record of records) {
    if (count === batchSize) break;
    bytes += payloadBytes(record);
    if (count > 0 && bytes > maxBytes) return { count, isFull: true };
    count += 1;
  }
  return { count, isFull: count === batchSize };
}

/** In the JSON of the event, with a comma. Ids and keys are ASCII. */
function payloadBytes(record: StreamRecord): number {
  const empty = { ...record, data: new Uint8Array() };
  const around = JSON.stringify(eventRecord(empty, "shardId-000000000000")).length + 1;
  return around + 4 * Math.ceil(record.data.length / 3);
}

/** Events as Lambda's mapping of a Kinesis stream makes them, out of packs or any bytes. */
import type { InvocationContext, KinesisEvent } from "../../functions/index-events/kinesis-event.ts";
import { encodePack, type Pack } from "../../lib/core/pack.ts";

/** A pack, or the bytes of a record. */
export type RecordSource = Pack | Uint8Array;

/** The first record's; each further one's is one higher. */
const FIRST_SEQUENCE_NUMBER = 49_545_115_243_490_985_018_280_067_714_973_144_582_180_062_593_244_200_961n;
const STREAM_ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/packs";

/** Of the record at this place. */
export function sequenceNumberAt(index: number): string {
  return String(FIRST_SEQUENCE_NUMBER + BigInt(index));
}

/** With the fields that nobody reads as well: "Using Lambda with Kinesis" in the developer guide shows such an event. */
export function kinesisEvent(
  sources: readonly RecordSource[],
  { arrivedAtMs = 1_795_000_000_651 }: { readonly arrivedAtMs?: number } = {},
): KinesisEvent {
  return {
    Records: sources.map((source, index) => ({
      kinesis: {
        kinesisSchemaVersion: "1.0",
        partitionKey: source instanceof Uint8Array ? "0" : String(source.header.lane),
        sequenceNumber: sequenceNumberAt(index),
        data: Buffer.from(source instanceof Uint8Array ? source : encodePack(source)).toString("base64"),
        approximateArrivalTimestamp: arrivedAtMs / 1000,
      },
      eventSource: "aws:kinesis",
      eventVersion: "1.0",
      eventID: `shardId-000000000000:${sequenceNumberAt(index)}`,
      eventName: "aws:kinesis:record",
      invokeIdentityArn: "arn:aws:iam::123456789012:role/index-events",
      awsRegion: "us-east-1",
      eventSourceARN: STREAM_ARN,
    })),
  };
}

/** An invocation that is killed after so many milliseconds from now. */
export function invocation(timeoutMs = 60_000): InvocationContext {
  const endsAtMs = performance.now() + timeoutMs;
  return { getRemainingTimeInMillis: () => Math.max(0, Math.round(endsAtMs - performance.now())) };
}

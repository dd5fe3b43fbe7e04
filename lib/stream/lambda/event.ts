/** Records of one lane in, the event of a Kinesis stream out, as Lambda hands it to a function: "Using Lambda with Kinesis", developer guide. */
import type { EntryId } from "../../core/pack.ts";

export interface LaneRecord {
  /** Of the entry in the stream, which is in the order of its lane. */
  readonly id: EntryId;
  readonly lane: number;
  readonly data: Uint8Array;
}

export interface EventOrigin {
  /** Of the stream. */
  readonly sourceArn: string;
  readonly region: string;
}

/** What a function sees of a record; who called it is left out, since nobody asks. */
export interface KinesisRecord {
  readonly kinesis: {
    readonly kinesisSchemaVersion: "1.0";
    readonly partitionKey: string;
    readonly sequenceNumber: string;
    /** Base64. */
    readonly data: string;
    /** Unix seconds. */
    readonly approximateArrivalTimestamp: number;
  };
  readonly eventSource: "aws:kinesis";
  readonly eventVersion: "1.0";
  readonly eventID: string;
  readonly eventName: "aws:kinesis:record";
  readonly awsRegion: string;
  readonly eventSourceARN: string;
}

export interface KinesisEvent {
  readonly Records: readonly KinesisRecord[];
}

/** The id of an entry stands for the sequence number: the function gives it back for what has to come again. */
export function sequenceNumber({ ms, n }: EntryId): string {
  return `${ms}-${n}`;
}

export function kinesisEvent(records: readonly LaneRecord[], { sourceArn, region }: EventOrigin): KinesisEvent {
  return {
    Records: records.map(({ id, lane, data }) => ({
      kinesis: {
        kinesisSchemaVersion: "1.0",
        partitionKey: String(lane),
        sequenceNumber: sequenceNumber(id),
        data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64"),
        approximateArrivalTimestamp: id.ms / 1000,
      },
      eventSource: "aws:kinesis",
      eventVersion: "1.0",
      eventID: `shardId-${String(lane).padStart(12, "0")}:${sequenceNumber(id)}`,
      eventName: "aws:kinesis:record",
      awsRegion: region,
      eventSourceARN: sourceArn,
    })),
  };
}

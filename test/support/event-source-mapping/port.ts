/** What the mapping works between: shards that it reads, a function that it calls, a place for what it gives up. */

export interface StreamRecord {
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly data: Uint8Array;
  /** When it came into the stream, Unix milliseconds. */
  readonly arrivedAtMs: number;
}

export interface Shard {
  readonly shardId: string;
  /** Of a split one, of two merged ones, none of a first one. */
  readonly parentIds: readonly string[];
}

export interface ShardPage {
  readonly records: readonly StreamRecord[];
  /** Null: the shard is over, by a split or a merge. */
  readonly next: string | null;
}

/** Rejects as the stream does: the mapping asks again. */
export interface ShardSource {
  list(): Promise<readonly Shard[]>;
  /** Where the shard begins. */
  begin(shardId: string): Promise<string>;
  read(iterator: string): Promise<ShardPage>;
}

/** As "Using Lambda to process records from Amazon Kinesis Data Streams" shows it, developer guide of AWS Lambda. */
export interface MappingEvent {
  readonly Records: readonly EventRecord[];
}

export interface EventRecord {
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
  readonly invokeIdentityArn: string;
  readonly awsRegion: string;
  readonly eventSourceARN: string;
}

export type Invocation =
  | { readonly kind: "answered"; readonly requestId: string; readonly payload: unknown }
  /** It threw, ran out of time or lost its process. */
  | { readonly kind: "function-error"; readonly requestId: string; readonly type: string; readonly message: string }
  /** Throttled, or Lambda has a fault of its own: the function was not called. */
  | { readonly kind: "not-called"; readonly reason: string };

export interface MappedFunction {
  /** Never rejects. */
  invoke(event: MappingEvent): Promise<Invocation>;
}

export interface DiscardedBatch {
  readonly shardId: string;
  readonly records: readonly StreamRecord[];
  /** As AWS names them in an on-failure record. */
  readonly condition: "RetryAttemptsExhausted" | "RecordAgeExceeded";
  /** How often the function got them, or batches that held them. */
  readonly calls: number;
  /** What it said the last time; null where it never got them. */
  readonly last: Invocation | null;
}

export interface FailureDestination {
  /** Rejects as the destination does: the mapping tries again. */
  deliver(batch: DiscardedBatch): Promise<void>;
}

export interface Clock {
  /** Unix milliseconds. */
  nowMs(): number;
  /** Rejects with the signal's reason once it aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

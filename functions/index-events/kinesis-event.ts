/** What Lambda hands to the function and takes back, as far as it is used. Source: "Using Lambda with Kinesis" in its developer guide. */

export interface KinesisEventRecord {
  readonly kinesis: {
    /** Of the shard; records come in its order. */
    readonly sequenceNumber: string;
    /** The lane, written out. */
    readonly partitionKey: string;
    /** Base64. */
    readonly data: string;
  };
}

export interface KinesisEvent {
  readonly Records: readonly KinesisEventRecord[];
}

export interface InvocationContext {
  getRemainingTimeInMillis(): number;
}

/** The lowest number in it is where Lambda goes on; empty, everything is done. */
export interface BatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

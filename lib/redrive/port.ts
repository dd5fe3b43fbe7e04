/** What redriving needs of the places that it works between: where failed batches lie, and the stream that takes their records again. */

/** A record as it was in the stream. */
export interface FailedRecord {
  readonly partitionKey: string;
  readonly data: Uint8Array;
}

export interface BatchSource {
  /** Names of the batches, oldest first. Rejects as the place does where it is away. */
  list(): Promise<readonly string[]>;
  /** Null where somebody else has taken it away meanwhile. */
  read(name: string): Promise<Uint8Array | null>;
  /** Its records are in the stream again: the next run must not find it. */
  settle(name: string): Promise<void>;
}

/** What a record carries; `refused`: why the stream must not get it. */
export type Inspection =
  | { readonly ok: true; readonly events: number }
  | { readonly ok: false; readonly refused: string };

export interface RecordSink {
  inspect(record: FailedRecord): Inspection;
  /** Resolves when all of them are durable, in order within each lane. Rejects where the stream does not take them. */
  put(records: readonly FailedRecord[]): Promise<void>;
}

/** What a month of events means in calls, bytes and seconds: everything of the bill that stands in no template. */

export interface Usage {
  readonly eventsPerSecond: number;
  /** Bytes of storage that an event leaves for ever, indexes and dictionaries included. */
  readonly storedBytesPerEvent: number;
  /** Bytes that an event puts into the database's log, which backups keep. */
  readonly walBytesPerEvent: number;
  /** Bytes in the stream, compressed in packs of some hundreds. */
  readonly packedBytesPerEvent: number;
  /** Bytes on the way from function to database. */
  readonly sqlBytesPerEvent: number;
  /** Packs of a lane in a second at the most: FLUSH_AFTER_MS is 1000. */
  readonly packsPerLaneSecond: number;
  /** Events so large that they lie in the bucket, each a PUT and a GET. */
  readonly largePacksPerSecond: number;
  /** Milliseconds of an invocation, whatever is in it, and for each of its events. */
  readonly invocationMs: number;
  readonly eventMs: number;
  /** Milliseconds of the canary: a connection of its own, and a question. */
  readonly canaryMs: number;
  /** Writes of the cursor and its lease; a standby reads as often. */
  readonly cursorWritesPerSecond: number;
  /** With Valkey, which has the cursor: writes of how far all has been applied. */
  readonly markWritesPerSecond: number;
  /** What an invocation of the function logs: its line of metrics, and START, END and REPORT of Lambda. */
  readonly logBytesPerInvocation: number;
  /** What each service logs: a line of metrics a minute, and a word now and then. */
  readonly logBytesPerSecond: number;
  /** RDS grows the storage when a tenth of it is left. */
  readonly storageHeadroom: number;
  /** Bytes of a frame of the relay: what a NAT gateway would carry. */
  readonly frameBytes: number;
  /** Of these bytes, what goes back to the relay as acknowledgements of TCP. */
  readonly acknowledgedShare: number;
  /** Compressed, all versions that stay in the registry. */
  readonly imagesGb: number;
  /** Calls of Kinesis for the data key of its shards, a shard and month, writing and reading. */
  readonly keyRequestsPerShard: number;
}

/** Measured ones name their part of `docs/benchmarks.md`; all others are estimates, and `docs/operating.md` says so. */
export function usageAt(eventsPerSecond: number): Usage {
  return {
    eventsPerSecond,
    // `storage`: 325 over 2.6 million events, and it falls, as the same accounts and
    // posts get more; 19 of 20 events make a row.
    storedBytesPerEvent: 300,
    // `growth`, WAL an event at 1 M likes (1,108 to 1,264 in three runs); larger databases have more: docs/operating.md says what that costs.
    walBytesPerEvent: 1210,
    // `pack`: 140 at 500 a pack, 151 at 50.
    packedBytesPerEvent: 160,
    sqlBytesPerEvent: 250,
    packsPerLaneSecond: 1,
    largePacksPerSecond: 0.001,
    invocationMs: 25,
    eventMs: 0.3,
    canaryMs: 500,
    cursorWritesPerSecond: 1,
    markWritesPerSecond: 0.2,
    logBytesPerInvocation: 1300,
    logBytesPerSecond: 100,
    storageHeadroom: 1.1,
    frameBytes: 5000,
    acknowledgedShare: 0.015,
    imagesGb: 1,
    // One each five minutes, by the writer and by the reader.
    keyRequestsPerShard: 2 * 8760,
  };
}

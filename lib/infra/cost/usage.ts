/** What a month of events means in calls, bytes and seconds: everything of the bill that stands in no template. */

export interface Usage {
  readonly eventsPerSecond: number;
  /** Bytes of storage that an event leaves for ever, indexes and its share of the dictionaries included: the size of a like. */
  readonly storedBytesPerEvent: number;
  /** Bytes in the stream, compressed in packs of some hundreds. */
  readonly packedBytesPerEvent: number;
  /** Bytes on the way from function to database. */
  readonly sqlBytesPerEvent: number;
  /** Packs of a lane in a second at the most: FLUSH_AFTER_MS is 1000. */
  readonly packsPerLaneSecond: number;
  /** Milliseconds of an invocation, whatever is in it, and for each of its events. */
  readonly invocationMs: number;
  readonly eventMs: number;
  /** Writes of the cursor and its lease. */
  readonly cursorWritesPerSecond: number;
  /** Lines of metrics, a minute and process, and what else is logged. */
  readonly logBytesPerSecond: number;
  /** A process tells every metric that it has touched, and each of them is paid, looked at or not. */
  readonly ownMetrics: number;
  /** RDS grows the storage when a tenth of it is left. */
  readonly storageHeadroom: number;
  /** Bytes of a frame of the relay: what a NAT gateway would carry. */
  readonly frameBytes: number;
}

/** The bytes an event are those of the storage budget; all others are estimates, and `docs/operating.md` says so. */
export function usageAt(eventsPerSecond: number): Usage {
  return {
    eventsPerSecond,
    storedBytesPerEvent: 200,
    packedBytesPerEvent: 160,
    sqlBytesPerEvent: 250,
    packsPerLaneSecond: 1,
    invocationMs: 25,
    eventMs: 0.3,
    cursorWritesPerSecond: 1,
    logBytesPerSecond: 150,
    ownMetrics: 40,
    storageHeadroom: 1.1,
    frameBytes: 5000,
  };
}

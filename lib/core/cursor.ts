/** Positions in a relay's stream: a cursor belongs to one relay host and one epoch of it. */

/** A place in one relay's numbering. */
export interface RelayPosition {
  /** Host (and port) of the relay, as in its URL: `bsky.network`, `127.0.0.1:2470`. */
  readonly relay: string;
  /** Counts how often this host's numbering started anew (`FutureCursor`); starts at 1. */
  readonly epoch: number;
  /** Everything up to and including this seq; 0 stands before the first event. */
  readonly seq: number;
}

/** A durable low-water mark with the event time it stands for. */
export interface SavedCursor extends RelayPosition {
  /** The sender's `time` of the event at `seq` (or the nearest before it), Unix milliseconds; null if none was readable. */
  readonly timeMs: number | null;
}

export type GapReason =
  /** The cursor was older than the relay's window (`#info OutdatedCursor`). */
  | "outdated-cursor"
  /** Another relay could not be entered where the last one was left. */
  | "relay-switch"
  /** The relay's numbering started anew (`FutureCursor`). */
  | "new-epoch"
  /** The stream lost its memory, and is filled again from what has been applied. */
  | "stream-lost"
  /** Numbers of packs of a lane jumped. */
  | "missing-pack";

/** A span of the stream that may be missing: kept in the ledger, shown by `status`. */
export interface Gap {
  readonly reason: GapReason;
  readonly relay: string;
  readonly epoch: number;
  /** Last seq that we have, and first that we got after it; null where it is not known. */
  readonly afterSeq: number | null;
  readonly beforeSeq: number | null;
  /** Event times around the span, Unix milliseconds, where known. */
  readonly fromTimeMs: number | null;
  readonly toTimeMs: number | null;
  readonly detail: string;
}

/** A store has less than it has acknowledged: it lost its memory, or an older copy of it took its place. What it has now counts. */
export class SetBackError extends Error {
  override readonly name = "SetBackError";
}

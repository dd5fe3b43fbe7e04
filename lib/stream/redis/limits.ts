/** Times and sizes of the Redis stream. Milliseconds unless the name says otherwise. */

export const CONNECT_TIMEOUT_MS = 5_000;
/** A server that does not answer a command for so long is taken for away: its answer may still have been on the way. */
export const ANSWER_TIMEOUT_MS = 10_000;
export const LONGEST_RECONNECT_MS = 2_000;

/** How long a read waits for entries: also how soon a stop is seen. */
export const BLOCK_MS = 500;
/** Entries of the established form that one read takes. */
export const READ_ENTRIES = 1_000;
/** Packs that one read takes: some 75 KB each. */
export const READ_PACKS = 32;
/** Pending entries that are claimed at a time. */
export const CLAIM_ENTRIES = 500;
/** How often a reader looks for entries that somebody was given and has left. */
export const CLAIM_EVERY_MS = 10_000;
/** A consumer of somebody else's that was heard of so lately is at work, and what it has in hand is left to it. */
export const CONSUMER_ALIVE_MS = 10_000;

/** Bytes of packs that wait for the workers of a process; the rest stays in Redis. */
export const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** How often handled entries are trimmed and lags are looked at. */
export const LOOK_EVERY_MS = 1_000;
/** Between looks while the stream is full. */
export const FULL_LOOK_EVERY_MS = 200;

/** Where established tools look for what was set aside. */
export const DEAD_LETTERS_KEY = "firehose:dead-letters";

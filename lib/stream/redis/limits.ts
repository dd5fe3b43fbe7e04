/** Sizes and names of the Redis stream. Times: `waits.ts`. */

/** Entries of the established form that one read takes. */
export const READ_ENTRIES = 1_000;
/** Packs that one read takes: some 75 KB each. */
export const READ_PACKS = 32;
/** Pending entries that are claimed at a time. */
export const CLAIM_ENTRIES = 500;

/** Bytes of packs that wait for the workers of a process, all its streams together; the rest stays in Redis. */
export const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** Where established tools look for what was set aside. */
export const DEAD_LETTERS_KEY = "firehose:dead-letters";

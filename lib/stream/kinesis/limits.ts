/**
 * Limits of Kinesis Data Streams, each with its unit and where the number comes from. *API* is the reference of `PutRecords`,
 * *quotas* the page on quotas and limits in the developer guide. Those named "ours" are choices.
 */

/**
 * Bytes of one record, its data and its partition key together: the default of a stream (quotas). A stream may be told to take up to
 * 10 MiB, but a function's payload ends at 6 MB of base64, so that larger records would reach no consumer.
 */
export const MAX_RECORD_BYTES = 1024 * 1024;

/** Records of one call (API). */
export const MAX_CALL_RECORDS = 500;

/** Bytes of one call, data and partition keys of all its records (API). */
export const MAX_CALL_BYTES = 10 * 1024 * 1024;

/** Hash keys are integers below 2^128 (API: `ExplicitHashKey`). */
export const HASH_KEY_BITS = 128n;

/** Calls under way at a time. Ours: each takes lanes that no other has, and a slow one must not hold up the rest. */
export const MAX_CALLS_AT_A_TIME = 8;

/** Milliseconds until a call is given up, sending and answer each. Ours: well below the age at which a lease may be taken over. */
export const CONNECT_TIMEOUT_MS = 1_000;
export const ANSWER_TIMEOUT_MS = 2_500;

/** Milliseconds for an object of some megabytes, also over a slow line. Ours: an object that comes late harms nobody. */
export const OBJECT_TIMEOUT_MS = 30_000;

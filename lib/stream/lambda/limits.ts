/** Limits and times of calling a function with packs. *quotas* is "Lambda quotas" in the developer guide of AWS Lambda; all others are ours. */

/**
 * Bytes of packs in one call, before base64. The payload of a call ends at 6 MB (quotas): in base64 these are 5.4, and what stands around
 * each of a hundred records is some 40 KB in all.
 */
export const MAX_EVENT_BYTES = 4_000_000;

/** Milliseconds until a connection is given up. */
export const CONNECT_TIMEOUT_MS = 2_000;

/** Milliseconds that an answer may take beyond the function's own time: for a new instance, and for the way. */
export const ANSWER_MARGIN_MS = 15_000;

/** Milliseconds after which a call that is not answered yet is told: a minute without progress would look like a process that stands still. */
export const SLOW_ANSWER_MS = 15_000;

/** Failures of one lane in a row that are told as trouble; before that they are only counted. */
export const TROUBLE_AFTER_FAILURES = 3;

/** The same reason is told again in the log after so many milliseconds. */
export const TELL_EVERY_MS = 60_000;

/** How long the Redis stream waits for what. Milliseconds. */

export interface RedisWaits {
  readonly connectMs: number;
  /** A server that does not answer a command for so long is taken for away: its answer may still have been on the way. */
  readonly answerMs: number;
  readonly longestReconnectMs: number;
  /** Before the next attempt, at the most. */
  readonly longestBackoffMs: number;
  /** How long a read waits for entries: also how soon a stop is seen. */
  readonly blockMs: number;
  /** How often a reader looks for entries that somebody was given and has left. */
  readonly claimEveryMs: number;
  /** A consumer of somebody else's that was heard of so lately is at work, and what it has in hand is left to it. */
  readonly consumerAliveMs: number;
  /** How often handled entries are trimmed and lags are looked at. */
  readonly lookEveryMs: number;
  /** Between looks while the stream is full. */
  readonly fullLookEveryMs: number;
}

export const REDIS_WAITS: RedisWaits = {
  connectMs: 5_000,
  answerMs: 10_000,
  longestReconnectMs: 2_000,
  longestBackoffMs: 2_000,
  blockMs: 500,
  claimEveryMs: 10_000,
  consumerAliveMs: 10_000,
  lookEveryMs: 1_000,
  fullLookEveryMs: 200,
};

/** `waitShare`: 1 is the usual. Whole numbers: some of them go to the server, which takes no others. */
export function redisWaits(waitShare: number): RedisWaits {
  const waits = Object.entries(REDIS_WAITS).map(([name, ms]: [string, number]) => [
    name,
    Math.max(1, Math.round(ms * waitShare)),
  ]);
  return Object.fromEntries(waits) as Record<keyof RedisWaits, number>;
}

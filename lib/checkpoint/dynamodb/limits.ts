/** Times of the lease, in milliseconds, each with its reason; all of them are ours. */

export interface LeaseTimes {
  /** A save of the cursor renews too: only an idle holder writes for the lease alone. */
  readonly renewEveryMs: number;
  /** The holder sends nothing once its lease is older: three seconds before anybody may take over, for what is still on its way. */
  readonly holdForMs: number;
  /** A watcher that has seen the same item for so long takes over. */
  readonly takeOverAfterMs: number;
  /** With the ten seconds above, and the time to connect, a standby has taken over within fifteen. */
  readonly watchEveryMs: number;
  /** A process that is no standby waits so long for one that drains (ten seconds at the most) before it ends. */
  readonly refuseAfterMs: number;
}

export const LEASE_TIMES: LeaseTimes = {
  renewEveryMs: 2_000,
  holdForMs: 7_000,
  takeOverAfterMs: 10_000,
  watchEveryMs: 1_000,
  refuseAfterMs: 30_000,
};

/** The usual ones, or a share of them. */
export function leaseTimes(waitShare: number): LeaseTimes {
  const { renewEveryMs, holdForMs, takeOverAfterMs, watchEveryMs, refuseAfterMs } = LEASE_TIMES;
  return {
    renewEveryMs: renewEveryMs * waitShare,
    holdForMs: holdForMs * waitShare,
    takeOverAfterMs: takeOverAfterMs * waitShare,
    watchEveryMs: watchEveryMs * waitShare,
    refuseAfterMs: refuseAfterMs * waitShare,
  };
}

/** Until a request is given up: two of them fit into the time for which a lease holds. */
export const CONNECT_TIMEOUT_MS = 1_000;
export const ANSWER_TIMEOUT_MS = 2_000;

/** Switches of relay that the item remembers. It is written each second, and up to 1 KB costs one unit (DynamoDB pricing). */
export const MAX_SWITCHES = 3;

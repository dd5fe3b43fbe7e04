/** Leases and who lives → which of them a worker takes and which it gives back, so that streams are spread evenly over workers. */

export interface LeaseView {
  readonly stream: string;
  /** Null: free. */
  readonly owner: string | null;
}

export interface LeasePlan {
  readonly take: readonly string[];
  readonly give: readonly string[];
}

/**
 * Each worker has at most its share, which is rounded up: of one stream one worker is the active one and the others stand by; of eight
 * streams and three workers none has more than three. Streams of the dead are free.
 */
export function planLeases(
  leases: readonly LeaseView[],
  { me, alive }: { readonly me: string; readonly alive: ReadonlySet<string> },
): LeasePlan {
  const workers = new Set([...alive, me]).size;
  const share = Math.ceil(leases.length / workers);
  const mine = leases.filter(({ owner }) => owner === me);
  const free = leases.filter(({ owner }) => owner === null || (owner !== me && !alive.has(owner)));
  return {
    take: free.slice(0, Math.max(0, share - mine.length)).map(({ stream }) => stream),
    give: mine.slice(share).map(({ stream }) => stream),
  };
}

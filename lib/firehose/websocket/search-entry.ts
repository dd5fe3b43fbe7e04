/** A time → the seq of one relay where events of that time begin, found by asking the relay at few places. Pure but for the probe. */

/** What stands first after a cursor. */
export interface DatedSeq {
  readonly seq: number;
  /** The sender's `time`, Unix milliseconds. */
  readonly timeMs: number;
}

export type ProbeResult =
  | ({ readonly ok: true } & DatedSeq)
  /** `quiet`: nothing (dated) came. `future`: the cursor is past the newest event. `unreachable`: no connection. */
  | { readonly ok: false; readonly reason: "quiet" | "future" | "unreachable"; readonly detail: string };

/** Asks what stands first after `cursor`; null asks at live. */
export type Probe = (cursor: number | null) => Promise<ProbeResult>;

export interface SearchOptions {
  readonly targetMs: number;
  readonly probe: Probe;
  /** Connections at the most. */
  readonly maxProbes: number;
  /** A place so long before the target is good enough. */
  readonly toleranceMs: number;
  /** A place known to lie before the target, which spares asking for the oldest. */
  readonly knownBefore: DatedSeq | null;
}

export type SearchResult =
  /** Reading after `seq` misses nothing later than the target. */
  | { readonly kind: "found"; readonly seq: number }
  /** The relay keeps nothing so old: its window begins with `oldest`. */
  | { readonly kind: "window-too-short"; readonly oldest: DatedSeq }
  /** The relay does not answer at all. */
  | { readonly kind: "unreachable"; readonly detail: string }
  /** It answers, but its answers do not lead to a place. */
  | { readonly kind: "failed"; readonly detail: string };

/** A probe that found no connection is repeated so often before the search gives up. */
const TRIES_PER_PROBE = 3;

export async function searchEntry(options: SearchOptions): Promise<SearchResult> {
  const ask = countedProbe(options);
  const live = await ask(null);
  if (!live.ok && live.reason === "unreachable") return { kind: "unreachable", detail: live.detail };
  const before = await lowerBound(options, ask, live.ok);
  if (!("timeMs" in before)) return before;
  // A relay too quiet to say where live is has little to replay: from `before` on.
  if (!live.ok) return { kind: "found", seq: before.seq };
  if (live.timeMs <= options.targetMs || live.seq <= before.seq)
    return { kind: "found", seq: Math.max(before.seq, live.seq - 1) };
  return { kind: "found", seq: await bisect(before, live.seq, options, ask) };
}

async function lowerBound(options: SearchOptions, ask: Probe, liveAnswered: boolean): Promise<DatedSeq | SearchResult> {
  if (options.knownBefore !== null) return options.knownBefore;
  const oldest = await ask(0);
  if (!oldest.ok) {
    // Neither live nor the window holds anything: whatever comes first is new.
    if (oldest.reason === "quiet" && !liveAnswered) return { kind: "found", seq: 0 };
    return { kind: "failed", detail: oldest.detail };
  }
  if (oldest.timeMs > options.targetMs) return { kind: "window-too-short", oldest };
  return oldest;
}

/** Invariant: `low` lies before the target, what stands after `high` does not. Ends at a `low`, so that nothing is missed. */
async function bisect(before: DatedSeq, liveSeq: number, options: SearchOptions, ask: Probe): Promise<number> {
  let low = before;
  let high = liveSeq;
  while (high - low.seq > 1 && options.targetMs - low.timeMs > options.toleranceMs) {
    const middle = low.seq + Math.floor((high - low.seq) / 2);
    const answer = await ask(middle);
    if (!answer.ok && answer.reason === "unreachable") return low.seq;
    if (answer.ok && answer.timeMs <= options.targetMs && answer.seq < high)
      low = { seq: Math.max(answer.seq, middle), timeMs: answer.timeMs };
    else high = middle;
  }
  return low.seq;
}

function countedProbe({ probe, maxProbes }: SearchOptions): Probe {
  let left = maxProbes;
  return async (cursor) => {
    let answer: ProbeResult = { ok: false, reason: "unreachable", detail: `no place found with ${maxProbes} probes` };
    for (let tries = 0; tries < TRIES_PER_PROBE && left > 0; tries += 1) {
      left -= 1;
      answer = await probe(cursor);
      if (answer.ok || answer.reason !== "unreachable") return answer;
    }
    return answer;
  };
}

/** Items in, the number of those that are done out: in order, as many at a time as fit, and never past the deadline. */
import type { Telemetry } from "../../lib/telemetry/port.ts";
import type { Item, PackItem } from "./read-items.ts";
import { type LimitedResult, withinTime } from "./time-limit.ts";

export interface Worker {
  /** Packs in one go; rejects with a StoreError of kind `transient` where they can be given again. */
  consume(packs: readonly PackItem["pack"][], options: { readonly oneByOne: boolean }): Promise<void>;
  /** Anything that is not a pack yet: fetched, written into the gap ledger, or kept as a dead letter. */
  workOther(item: Exclude<Item, PackItem>): Promise<void>;
  /** Cuts what is under way: it rejects. */
  cut(): void;
  /** After work that hangs in spite of the cut: what comes next gets connections of its own. */
  abandon(): void;
  /** Whether an error passes by itself. */
  isTransient(error: unknown): boolean;
  /** Whether it came of too much at a time, as the database says: given again as it is, it would fail again. */
  isTooLong(error: unknown): boolean;
}

export interface WorkOptions {
  readonly worker: Worker;
  /** Events of one transaction at the most; a larger pack is worked alone. */
  readonly maxEvents: number;
  /** Milliseconds until it must have stopped. */
  readonly remainingMs: () => number;
  readonly telemetry: Telemetry;
}

/** Less is not worth beginning. Milliseconds. */
const SHORTEST_TRY_MS = 250;

/**
 * Resolves with how many items from the first on are durable: all, or those before one that has to come again. Rejects with a fault
 * that is not known to pass; what was done before it is done, and harmless when it comes again.
 */
export async function workItems(items: readonly Item[], options: WorkOptions): Promise<number> {
  let done = 0;
  for (const group of groupsOf(items, options.maxEvents)) {
    const finished = await attempt(group, options);
    done += finished;
    if (finished < group.length) break;
  }
  return done;
}

/** Neighbouring packs together, up to `maxEvents`; everything else, and a larger pack, by itself. */
export function groupsOf(items: readonly Item[], maxEvents: number): readonly (readonly Item[])[] {
  const groups: Item[][] = [];
  let open: Item[] | null = null;
  let events = 0;
  for (const item of items) {
    const count = item.kind === "pack" ? item.pack.header.count : Number.POSITIVE_INFINITY;
    if (open !== null && events + count <= maxEvents) {
      open.push(item);
      events += count;
    } else {
      const fresh = [item];
      groups.push(fresh);
      open = item.kind === "pack" ? fresh : null;
      events = count;
    }
  }
  return groups;
}

async function attempt(group: readonly Item[], options: WorkOptions): Promise<number> {
  try {
    return await workGroup(group, options);
  } catch (error) {
    if (!options.worker.isTransient(error)) throw error;
    tellRetry(error, group, options);
    return 0;
  }
}

/** A try gets half of the time that is left: where it does not suffice, there is time to go on with halves of it. */
async function workGroup(group: readonly Item[], options: WorkOptions): Promise<number> {
  if (options.remainingMs() < SHORTEST_TRY_MS) return stopHere(group, options);
  const result = await limited(group, { ...options, limitMs: options.remainingMs() / 2, oneByOne: false });
  switch (result) {
    case "done":
      return group.length;
    case "abandoned":
      return stopHere(group, options);
    case "ended":
      return workHalves(group, options);
  }
}

async function workHalves(group: readonly Item[], options: WorkOptions): Promise<number> {
  const { telemetry, remainingMs } = options;
  telemetry.log.warn("packs do not fit into the time and are worked in parts", { packs: group.length });
  const [only] = group;
  if (group.length === 1 && only !== undefined) {
    if (only.kind !== "pack" || remainingMs() < SHORTEST_TRY_MS) return stopHere(group, options);
    const result = await limited(group, { ...options, limitMs: remainingMs(), oneByOne: true });
    return result === "done" ? 1 : stopHere(group, options);
  }
  const middle = group.length >> 1;
  let done = 0;
  for (const half of [group.slice(0, middle), group.slice(middle)]) {
    // What the first half has done stays done where the second one fails.
    const finished = await attempt(half, options);
    done += finished;
    if (finished < half.length) break;
  }
  return done;
}

async function limited(
  group: readonly Item[],
  { worker, limitMs, oneByOne }: WorkOptions & { readonly limitMs: number; readonly oneByOne: boolean },
): Promise<LimitedResult> {
  const work = workOnce(group, worker, oneByOne);
  const result = await withinTime(work, { limitMs, cut: () => worker.cut() }).catch((error: unknown): LimitedResult => {
    if (!worker.isTooLong(error)) throw error;
    return "ended";
  });
  if (result === "abandoned") worker.abandon();
  return result;
}

async function workOnce(group: readonly Item[], worker: Worker, oneByOne: boolean): Promise<void> {
  const packs = group.flatMap((item) => (item.kind === "pack" ? [item.pack] : []));
  if (packs.length > 0) return worker.consume(packs, { oneByOne });
  for (const item of group) {
    if (item.kind !== "pack") await worker.workOther(item);
  }
}

function stopHere(group: readonly Item[], { telemetry }: WorkOptions): number {
  telemetry.count("batch_retries_total", 1, "deadline");
  telemetry.log.warn("the time is up; what is left comes again", { from: group[0]?.sequenceNumber });
  return 0;
}

function tellRetry(error: unknown, group: readonly Item[], { telemetry }: WorkOptions): void {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
  telemetry.count("batch_retries_total", 1, code ?? "unknown");
  telemetry.log.warn("the work cannot be done now and comes again", {
    from: group[0]?.sequenceNumber,
    code,
    error: error instanceof Error ? error.message : String(error),
  });
}

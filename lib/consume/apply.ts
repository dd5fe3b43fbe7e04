/** One transaction: events → plan → rows. Knows nothing of what to do when it fails. */
import { type BatchEvent, readBatch } from "../core/batch.ts";
import { choose, type Numbers } from "../core/choice.ts";
import type { Gap } from "../core/cursor.ts";
import type { FirehoseEvent } from "../core/event.ts";
import type { PackHeader } from "../core/pack.ts";
import { type Plan, pathsToCompare, plan } from "../core/plan.ts";
import type { DeadLetter } from "../core/row-change.ts";
import type { FinishedPack, LaneState, Store, WorkUnit } from "../store/port.ts";

/** What a transaction did, for the counters. */
export interface Outcome {
  readonly counts: Plan["counts"];
  readonly repeatedPacks: number;
  readonly gaps: readonly Gap[];
  readonly letters: readonly DeadLetter[];
}

export interface ApplyOptions {
  readonly store: Store;
  readonly nowMs: () => number;
  /** Packs that end with this transaction; empty for a part of one. */
  readonly packs: readonly FinishedPack[];
  /** The event worked alone, where it is. */
  readonly single: WorkUnit | null;
  /** The lane whose row counts the records; of several any will do. */
  readonly countLane: number;
  /** For a retried dead letter: closes it, as superseded where everything in it was overtaken. */
  readonly letterId?: string;
}

/** An event as it comes from a stream. */
export function sourceOf(
  event: FirehoseEvent,
  header: Pick<PackHeader, "relay" | "epoch">,
  relayId: number,
  mode: BatchEvent["mode"] = "repo",
): BatchEvent {
  return { event, relay: header.relay, epoch: header.epoch, relayId, mode, setAside: null };
}

/** Rejects with a StoreError, or with whatever fault our own code has; nothing is written then. */
export async function applyEvents(sources: readonly BatchEvent[], options: ApplyOptions): Promise<Outcome> {
  const { store, packs } = options;
  const batch = readBatch(sources);
  return store.transact(async (transaction) => {
    const names = await transaction.resolve(batch);
    const numbers: Numbers = {
      actor: (did) => numberOf(names.actors, did),
      collection: (nsid) => numberOf(names.collections, nsid),
      subject: (ref) => names.subjects[batch.subjects.placeOf(ref)] as number,
    };
    const locked = await transaction.lock({
      lanes: [...new Set([...lanesOf(packs), options.countLane])],
      authors: batch.authors.map(numbers.actor),
      announced: batch.announced.map(numbers.actor),
      withTrees: sources.some(({ event }) => event.kind === "sync"),
    });
    const choice = choose(batch, numbers, locked.authors);
    const compared = pathsToCompare(choice);
    const paths = compared.length === 0 ? new Map() : await transaction.pathStates(compared);
    const { changes, counts } = plan({ batch, choice, numbers, paths, accounts: locked.accounts });
    const { gaps, repeatedPacks } = judgeNumbers(packs, locked.lanes);
    const letter = options.letterId === undefined ? null : { id: options.letterId, state: letterState(counts) };
    const { single, countLane, nowMs } = options;
    await transaction.write(changes, { packs, single, gaps, countLane, letter, writtenAtMs: nowMs() });
    return { counts, repeatedPacks, gaps, letters: changes.deadLetters };
  });
}

/** Ops that changed nothing, and no other op or event that did. */
function letterState(counts: Plan["counts"]): "applied" | "superseded" {
  const appliedOps = Object.values(counts.appliedOps).reduce((sum, number) => sum + number, 0);
  const wasOvertaken = counts.repeatedOps > 0 || counts.repeatedEvents > 0;
  return wasOvertaken && appliedOps === 0 ? "superseded" : "applied";
}

/** Packs of a lane are numbered without gaps per fence: an old number is a repeat, a jump a gap. */
function judgeNumbers(
  packs: readonly FinishedPack[],
  states: readonly LaneState[],
): { gaps: Gap[]; repeatedPacks: number } {
  const gaps: Gap[] = [];
  let repeatedPacks = 0;
  const last = new Map(lanesOf(packs).map((lane, index) => [lane, states[index] ?? { fence: 0, number: 0 }]));
  for (const pack of packs) {
    const before = last.get(pack.lane) ?? { fence: 0, number: 0 };
    if (pack.fence < before.fence || (pack.fence === before.fence && pack.number <= before.number)) {
      repeatedPacks += 1;
      continue;
    }
    const expected = pack.fence === before.fence ? before.number + 1 : 1;
    if (pack.number !== expected && before.fence !== 0) {
      gaps.push(missingPacks(pack, expected));
    }
    last.set(pack.lane, pack);
  }
  return { gaps, repeatedPacks };
}

function lanesOf(packs: readonly FinishedPack[]): number[] {
  return [...new Set(packs.map((pack) => pack.lane))];
}

function missingPacks(pack: FinishedPack, expected: number): Gap {
  return {
    reason: "missing-pack",
    relay: pack.relay,
    epoch: pack.epoch,
    afterSeq: null,
    beforeSeq: pack.firstSeq,
    fromTimeMs: null,
    toTimeMs: null,
    detail: `lane ${pack.lane}: pack ${pack.number} of fence ${pack.fence} came where ${expected} was due`,
  };
}

function numberOf(numbers: ReadonlyMap<string, number>, name: string): number {
  const number = numbers.get(name);
  if (number === undefined) {
    throw new RangeError(`no number was given to ${name}`);
  }
  return number;
}

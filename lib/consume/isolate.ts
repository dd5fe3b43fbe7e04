/** Setting poison aside: halves, then single events, then single ops. Everything else of the batch is applied. */
import type { BatchEvent } from "../core/batch.ts";
import { eventLetter } from "../core/dead-letter.ts";
import type { CommitEvent } from "../core/event.ts";
import type { DeadLetter } from "../core/row-change.ts";
import { type FinishedPack, type Store, StoreError } from "../store/port.ts";
import type { Telemetry } from "../telemetry/port.ts";
import { applyEvents } from "./apply.ts";
import { countOutcome } from "./count.ts";
import { keepLetter } from "./keep-letter.ts";

export interface IsolateOptions {
  readonly store: Store;
  readonly telemetry: Telemetry;
  readonly nowMs: () => number;
  /** Packs that are finished once all events are. */
  readonly packs: readonly FinishedPack[];
  /** The lane whose row counts the records. */
  readonly countLane: number;
  /** Told of the dead letters of each transaction once it is durable. */
  readonly onLetters?: (letters: readonly DeadLetter[]) => void;
}

/**
 * Applies events in order, in one transaction where possible. Where the values of one make that fail, the parts before
 * and after it are applied in transactions of their own, and it becomes a dead letter. Rejects with a transient StoreError.
 */
export async function workIsolated(sources: readonly BatchEvent[], options: IsolateOptions): Promise<void> {
  if (sources.length === 0 && options.packs.length === 0) {
    return;
  }
  const fault = await attempt(sources, options);
  if (fault === null) {
    return;
  }
  if (sources.length > 1) {
    options.telemetry.log.warn("a batch is refused by the database and is worked in halves", {
      events: sources.length,
      error: fault.message,
    });
    const middle = sources.length >> 1;
    await workIsolated(sources.slice(0, middle), { ...options, packs: [] });
    await workIsolated(sources.slice(middle), options);
    return;
  }
  const [source] = sources;
  if (source === undefined) {
    throw fault;
  }
  await setAside(source, fault, options);
}

/** Null when it is done; the fault when the values themselves are the reason. Everything transient is thrown. */
async function attempt(sources: readonly BatchEvent[], options: IsolateOptions): Promise<Error | null> {
  try {
    const outcome = await applyEvents(sources, { ...options, single: null });
    countOutcome(outcome, options.telemetry);
    if (outcome.letters.length > 0) options.onLetters?.(outcome.letters);
    return null;
  } catch (error) {
    if (error instanceof StoreError && error.kind === "transient") {
      throw error;
    }
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** One event that cannot be applied whole: the ops that can be are, record by record; then the repo moves on with the others dead. */
async function setAside(source: BatchEvent, fault: Error, options: IsolateOptions): Promise<void> {
  const { event } = source;
  const poison =
    event.kind === "commit" && event.ops.length > 1 ? await findPoison(source, event, options) : ("all" as const);
  options.telemetry.log.error("an event is set aside as a dead letter", {
    did: event.did,
    seq: event.seq,
    error: fault.message,
  });
  const aside: BatchEvent = {
    ...source,
    setAside: { reason: "refused-by-database", detail: fault.message, ops: poison },
  };
  if ((await attempt([aside], options)) !== null) {
    await keepWhole(source, fault, options);
  }
}

/** The last resort, with nothing in it that could be refused again: the event as one letter, its bytes and the reason. */
function keepWhole(source: BatchEvent, fault: Error, options: IsolateOptions): Promise<void> {
  const letter = eventLetter(source, source.event, { reason: "refused-by-database", detail: fault.message });
  return keepLetter({ ...letter, did: null }, options);
}

async function findPoison(
  source: BatchEvent,
  event: CommitEvent,
  options: IsolateOptions,
): Promise<ReadonlySet<number>> {
  const poison = new Set<number>();
  for (const [index, op] of event.ops.entries()) {
    const alone: BatchEvent = { ...source, event: { ...event, ops: [op] }, mode: "record" };
    if ((await attempt([alone], { ...options, packs: [] })) !== null) {
      poison.add(index);
    }
  }
  return poison;
}

/** consume(): packs → rows. The same function behind every stream. */
import type { BatchEvent } from "../core/batch.ts";
import type { CollectionFilter } from "../core/collection-filter.ts";
import { packLetter } from "../core/dead-letter.ts";
import type { FirehoseEvent } from "../core/event.ts";
import { type Pack, readPack } from "../core/pack.ts";
import { keepOps } from "../core/pack-envelope.ts";
import type { DeadLetter } from "../core/row-change.ts";
import type { FinishedPack, Store } from "../store/port.ts";
import type { Telemetry } from "../telemetry/port.ts";
import { sourceOf } from "./apply.ts";
import { workIsolated } from "./isolate.ts";
import { keepLetter } from "./keep-letter.ts";
import { workOneByOne } from "./one-by-one.ts";

export interface ConsumeOptions {
  readonly store: Store;
  readonly telemetry: Telemetry;
  readonly nowMs: () => number;
  /** Collections whose ops are kept, all without it. A commit that loses its ops still advances its repo. */
  readonly keepsCollection?: CollectionFilter;
  /** Event by event from the start, for packs that take too long as a whole: each event is durable by itself. */
  readonly oneByOne?: boolean;
  /** Told of the dead letters of each transaction once it is durable. */
  readonly onLetters?: (letters: readonly DeadLetter[]) => void;
}

/** What was begun so often without an end is worked event by event (guarantee 9). */
export const DEATHS_UNTIL_ONE_BY_ONE = 3;

/**
 * Applies packs of one or several lanes, in order within each lane. Resolves when all of it is durable: applied, a
 * repeat, or a dead letter. Rejects with a StoreError of kind `transient`; the same packs can then be given again.
 */
export async function consume(packs: readonly Pack[], options: ConsumeOptions): Promise<void> {
  const { store, oneByOne = false, telemetry } = options;
  const { readable, filteredOps } = await readPacks(packs, options);
  if (readable.length === 0) {
    return;
  }
  const units = readable.map(({ unit }) => unit);
  try {
    const deaths = await store.marks.begin(units, { single: false });
    const isDeadly = (count: number, index: number): boolean =>
      oneByOne || count >= DEATHS_UNTIL_ONE_BY_ONE || readable[index]?.unit.source?.isSuspect === true;
    const firstDeadly = deaths.findIndex(isDeadly);
    const calm = firstDeadly === -1 ? readable : readable.slice(0, firstDeadly);
    await workTogether(calm, options);
    // From a deadly pack on one at a time, in order: what follows it in its lane must not overtake it.
    for (const [index, pack] of readable.slice(calm.length).entries()) {
      const deadly = isDeadly(deaths[calm.length + index] ?? 0, calm.length + index);
      await (deadly ? workDeadly(pack, options) : workTogether([pack], options));
    }
    // Not before: what failed is given again, and would be counted again.
    if (filteredOps > 0) telemetry.count("filtered_ops_total", filteredOps);
  } catch (error) {
    await store.marks.release(units);
    throw error;
  }
}

interface ReadablePack {
  readonly unit: FinishedPack;
  readonly sources: readonly BatchEvent[];
}

function workTogether(packs: readonly ReadablePack[], options: ConsumeOptions): Promise<void> {
  return workIsolated(
    packs.flatMap(({ sources }) => sources),
    { packs: packs.map(({ unit }) => unit), countLane: packs[0]?.unit.lane ?? 0, ...options },
  );
}

async function workDeadly({ unit, sources }: ReadablePack, options: ConsumeOptions): Promise<void> {
  options.telemetry.log.warn("a pack that killed its process, or takes too long, is worked event by event", {
    lane: unit.lane,
    firstSeq: unit.firstSeq,
  });
  await workOneByOne(sources, { pack: unit, ...options });
}

/** Decodes; a pack that cannot be read becomes a dead letter at once. */
async function readPacks(
  packs: readonly Pack[],
  options: ConsumeOptions,
): Promise<{ readonly readable: readonly ReadablePack[]; readonly filteredOps: number }> {
  const readable: ReadablePack[] = [];
  let filteredOps = 0;
  const kept = (event: FirehoseEvent): FirehoseEvent => {
    const left = filtered(event, options.keepsCollection);
    if (event.kind === "commit" && left.kind === "commit") filteredOps += event.ops.length - left.ops.length;
    return left;
  };
  for (const pack of packs) {
    const { header } = pack;
    const relayId = await options.store.relayId(header.relay, header.epoch);
    const result = readPack(pack);
    const last = result.ok ? result.events.at(-1) : undefined;
    const unit: FinishedPack = { ...header, relayId, timeMs: last?.timeMs ?? null, source: pack.source ?? null };
    if (result.ok) {
      const mode = pack.source?.byArrival === true ? "arrival" : "repo";
      readable.push({ unit, sources: result.events.map((event) => sourceOf(kept(event), header, relayId, mode)) });
    } else {
      await keepPack(pack, unit, `${result.reason} at byte ${result.offset}`, options);
    }
  }
  return { readable, filteredOps };
}

/** As the ingester does: of a path that cannot be read nobody knows the collection, and its dead letter is kept in any case. */
function filtered(event: FirehoseEvent, keepsCollection: CollectionFilter | undefined): FirehoseEvent {
  if (event.kind !== "commit" || keepsCollection === undefined) return event;
  return keepOps(event, ({ collection, fault }) => keepsCollection(collection) || fault?.reason === "bad-path");
}

async function keepPack(pack: Pack, unit: FinishedPack, detail: string, options: ConsumeOptions): Promise<void> {
  const letter = packLetter(pack, { reason: "unreadable-pack", detail });
  await keepLetter(letter, { ...options, packs: [unit], countLane: unit.lane });
  options.telemetry.log.error("a pack could not be read and is kept as a dead letter", {
    lane: unit.lane,
    firstSeq: unit.firstSeq,
    error: detail,
  });
}

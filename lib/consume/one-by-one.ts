/** Working a pack whose events have killed processes: one event at a time, each marked before it is touched (guarantee 9). */
import type { BatchEvent } from "../core/batch.ts";
import type { FinishedPack, Store, WorkUnit } from "../store/port.ts";
import { applyEvents } from "./apply.ts";
import { countOutcome } from "./count.ts";
import { type IsolateOptions, workIsolated } from "./isolate.ts";

export interface OneByOneOptions extends Omit<IsolateOptions, "packs" | "countLane"> {
  readonly pack: FinishedPack;
}

/** One event at a time in a process: if several lanes had one in hand, a death would be laid at the door of all. */
const turns = new WeakMap<Store, Promise<void>>();

/** The event that was in hand when a process died becomes a dead letter; all others are applied. */
export function workOneByOne(sources: readonly BatchEvent[], options: OneByOneOptions): Promise<void> {
  const before = turns.get(options.store) ?? Promise.resolve();
  const mine = before.then(() => work(sources, options));
  turns.set(
    options.store,
    mine.catch(() => undefined),
  );
  return mine;
}

async function work(sources: readonly BatchEvent[], options: OneByOneOptions): Promise<void> {
  const { pack } = options;
  for (const source of sources) {
    await workOne(source, options);
  }
  await workIsolated([], { ...options, packs: [pack], countLane: pack.lane });
}

async function workOne(source: BatchEvent, options: OneByOneOptions): Promise<void> {
  const { store, telemetry, pack } = options;
  const { relayId, lane } = pack;
  const { did, seq } = source.event;
  const single: WorkUnit = { relayId, lane, firstSeq: seq, lastSeq: seq };
  const [deaths = 0] = await store.marks.begin([single], { single: true });
  if (deaths > 0) {
    telemetry.log.error("an event has killed its process and is set aside as a dead letter", { did, seq });
  }
  const aside = {
    reason: "killed-its-process",
    detail: "the process died each time it worked this event",
    ops: "all",
  } as const;
  await workIsolated([deaths > 0 ? { ...source, setAside: aside } : source], {
    ...options,
    packs: [],
    countLane: lane,
  });
  countOutcome(await applyEvents([], { ...options, packs: [], countLane: lane, single }), telemetry);
}

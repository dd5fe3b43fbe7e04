/** Working a pack whose events have killed processes: one event at a time, each marked before it is touched (guarantee 9). */
import type { BatchEvent } from "../core/batch.ts";
import type { FinishedPack, WorkUnit } from "../store/port.ts";
import { applyEvents } from "./apply.ts";
import { countOutcome } from "./count.ts";
import { type IsolateOptions, workIsolated } from "./isolate.ts";

export interface OneByOneOptions extends Omit<IsolateOptions, "packs" | "countLane"> {
  readonly pack: FinishedPack;
}

/** The event that was in hand when a process died becomes a dead letter; all others are applied. */
export async function workOneByOne(sources: readonly BatchEvent[], options: OneByOneOptions): Promise<void> {
  const { store, telemetry, pack } = options;
  for (const source of sources) {
    const { relayId, lane } = pack;
    const single: WorkUnit = { relayId, lane, firstSeq: source.event.seq, lastSeq: source.event.seq };
    const [deaths = 0] = await store.marks.begin([single], { single: true });
    if (deaths > 0) {
      telemetry.log.error("an event has killed its process and is set aside as a dead letter", {
        did: source.event.did,
        seq: source.event.seq,
      });
    }
    const worked: BatchEvent =
      deaths > 0
        ? {
            ...source,
            setAside: {
              reason: "killed-its-process",
              detail: "the process died each time it worked this event",
              ops: "all",
            },
          }
        : source;
    await workIsolated([worked], { ...options, packs: [], countLane: lane });
    countOutcome(await applyEvents([], { ...options, packs: [], countLane: lane, single }), telemetry);
  }
  await workIsolated([], { ...options, packs: [pack], countLane: pack.lane });
}

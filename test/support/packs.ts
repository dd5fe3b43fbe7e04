/** Packs whose events say which lane and number they belong to. */
import type { FirehoseEvent } from "../../lib/core/event.ts";
import { type Pack, readPack } from "../../lib/core/pack.ts";
import { PackBuilder } from "../../lib/core/pack-builder.ts";

export interface PackPlan {
  readonly lane: number;
  readonly number: number;
  readonly lanes?: number;
  readonly events?: number;
}

export function makePack({ lane, number, lanes = 4, events = 1 }: PackPlan): Pack {
  const builder = new PackBuilder();
  for (let index = 1; index <= events; index++) {
    const seq = number * 1000 + index;
    const handle = `pack-${lane}-${number}.test`;
    builder.append({ kind: "identity", seq, did: `did:web:lane${lane}.test`, timeMs: seq, receivedAtMs: seq, handle });
  }
  return builder.seal({ lane, lanes, relay: "relay.test", epoch: 1, fence: 1, number });
}

/** The events of a pack that must be readable. */
export function eventsOf(pack: Pack): FirehoseEvent[] {
  const result = readPack(pack);
  if (!result.ok) throw new Error(`${result.reason} at ${result.offset}`);
  return result.events;
}

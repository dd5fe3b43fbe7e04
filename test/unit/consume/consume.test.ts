/** The order of work in a delivery with packs that have killed processes, against a store that only notes what it is asked. */
import { expect, it } from "vitest";
import { consume } from "../../../lib/consume/consume.ts";
import type { Store, WorkUnit } from "../../../lib/store/port.ts";
import { CountingTelemetry } from "../../support/counting-telemetry.ts";
import { emptyTransaction } from "../../support/empty-transaction.ts";
import { makePack } from "../../support/packs.ts";

/** `deadly`: lanes whose packs have killed three processes. Notes singles begun, and packs and singles ended. */
function notingStore(deadly: ReadonlySet<number>) {
  const notes: string[] = [];
  const open = new Set<string>();
  let mostOpen = 0;
  const nameOf = ({ lane, firstSeq }: WorkUnit): string => `${lane}:${firstSeq}`;
  const store: Store = {
    relayId: () => Promise.resolve(1),
    marks: {
      begin: async (units, { single }) => {
        await new Promise(setImmediate);
        if (!single) return units.map(({ lane }) => (deadly.has(lane) ? 3 : 0));
        for (const unit of units) open.add(nameOf(unit));
        mostOpen = Math.max(mostOpen, open.size);
        return units.map(() => 0);
      },
      release: () => Promise.resolve(),
    },
    transact: (work) =>
      work({
        ...emptyTransaction,
        write: async (_, { packs, single }) => {
          await new Promise(setImmediate);
          if (single !== null) open.delete(nameOf(single));
          for (const pack of packs) notes.push(`${pack.lane}/${pack.number}`);
        },
      }),
  };
  const options = { store, telemetry: new CountingTelemetry(), nowMs: () => 0 };
  return { options, notes, mostOpen: () => mostOpen };
}

it("finishes the packs of a lane in their order, deadly ones too", async () => {
  const { options, notes } = notingStore(new Set([1]));
  await consume(
    [
      makePack({ lane: 0, number: 1 }),
      makePack({ lane: 1, number: 1, events: 3 }),
      makePack({ lane: 0, number: 2 }),
      makePack({ lane: 1, number: 2 }),
    ],
    options,
  );
  expect(notes).toEqual(["0/1", "1/1", "0/2", "1/2"]);
});

it("has one event in hand at a time, however many lanes are worked event by event", async () => {
  const { options, mostOpen } = notingStore(new Set([0, 1, 2]));
  await Promise.all([0, 1, 2].map((lane) => consume([makePack({ lane, number: 1, events: 4 })], options)));
  expect(mostOpen()).toBe(1);
});

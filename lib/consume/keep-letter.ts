/** One dead letter in a transaction of its own: for what never gets as far as a plan. */
import { type DeadLetter, noChanges } from "../core/row-change.ts";
import type { FinishedPack, Store } from "../store/port.ts";
import type { Telemetry } from "../telemetry/port.ts";

export interface KeepOptions {
  readonly store: Store;
  readonly telemetry: Telemetry;
  readonly nowMs: () => number;
  /** Packs that end with it. */
  readonly packs: readonly FinishedPack[];
  readonly countLane: number;
  readonly onLetters?: (letters: readonly DeadLetter[]) => void;
}

/** Rejects with a StoreError. */
export async function keepLetter(letter: DeadLetter, options: KeepOptions): Promise<void> {
  const { store, telemetry, packs, countLane, nowMs } = options;
  const lanes = [...new Set([...packs.map(({ lane }) => lane), countLane])];
  await store.transact(async (transaction) => {
    await transaction.lock({ lanes, authors: [], announced: [], withTrees: false });
    const changes = noChanges();
    changes.deadLetters.push(letter);
    await transaction.write(changes, { packs, single: null, gaps: [], countLane, letter: null, writtenAtMs: nowMs() });
  });
  telemetry.count("dead_letters_total", 1, letter.reason);
  options.onLetters?.([letter]);
}

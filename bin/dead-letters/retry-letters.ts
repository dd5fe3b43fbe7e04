/** Ids of dead letters in, a line for each about what became of it out. */
import { type RetryAnswer, retryLetter } from "../../lib/consume/retry.ts";
import { noteAttempt, openLetters } from "../../lib/store/dead-letters.ts";
import { letterState } from "../../lib/store/letter-state.ts";
import type { LetterToRetry } from "../../lib/store/port.ts";
import type { PostgresStore } from "../../lib/store/postgres-store.ts";

export interface RetryLettersOptions {
  readonly store: PostgresStore;
  /** Null: all that are open. */
  readonly ids: readonly string[] | null;
  readonly tombstoneDays: number;
  /** Also those older than that. */
  readonly isForced: boolean;
  readonly tell: (line: string) => void;
}

/** Their bytes are read so many at a time: a letter may hold a frame of 5 MB. */
const LETTERS_AT_A_TIME = 20;

/** Oldest first. Returns how many of them are not closed. Rejects with a StoreError where the database goes away. */
export async function retryLetters(options: RetryLettersOptions): Promise<number> {
  const { store, ids, tell } = options;
  const missing = new Set(ids);
  const counts = { tried: 0, closed: 0 };
  let afterId = "0";
  for (;;) {
    const letters = await openLetters(store.pool, {
      ids: ids === null ? null : [...ids],
      afterId,
      limit: LETTERS_AT_A_TIME,
    });
    for (const letter of letters) {
      // Another letter's retry may have closed it.
      const line = await retryOne(letter, options);
      tell(`${letter.id}  ${line}`);
      missing.delete(letter.id);
      afterId = letter.id;
      counts.tried += 1;
      if (line === "applied" || line === "superseded") counts.closed += 1;
    }
    if (letters.length < LETTERS_AT_A_TIME) break;
  }
  for (const id of missing) tell(`${id}  ${await absence(store, id)}`);
  tell(`${counts.closed} of ${counts.tried + missing.size} closed`);
  return counts.tried + missing.size - counts.closed;
}

async function retryOne(letter: LetterToRetry, options: RetryLettersOptions): Promise<string> {
  const { store, tombstoneDays, isForced } = options;
  const answer: RetryAnswer = await retryLetter(letter, { store, nowMs: Date.now, tombstoneDays, isForced });
  switch (answer.state) {
    case "closed":
      return (await letterState(store.pool, letter.id)) ?? "gone";
    case "refused":
      return `refused: ${answer.reason}`;
    case "still failing":
      await noteAttempt(store.pool, { id: letter.id, answer: answer.reason });
      return `still failing: ${answer.reason}`;
  }
}

async function absence(store: PostgresStore, id: string): Promise<string> {
  const state = await letterState(store.pool, id);
  return state === null ? "there is no dead letter of this id" : `is not open: ${state}`;
}

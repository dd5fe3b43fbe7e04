/** Retries every open dead letter, as the command does. */
import { type RetryAnswer, retryLetter } from "../../lib/consume/retry.ts";
import { openLetters } from "../../lib/store/dead-letters.ts";
import { recordedAtMs } from "./recorded-frames.ts";
import type { TestConsumer } from "./test-consumer.ts";

export async function retryAll(
  { store }: TestConsumer,
  { isForced = false, nowMs = Date.now() } = {},
): Promise<RetryAnswer[]> {
  const answers: RetryAnswer[] = [];
  for (const letter of await openLetters(store.pool, { ids: null, afterId: "0", limit: 1_000 })) {
    answers.push(
      await retryLetter(letter, { store, nowMs: () => Math.max(nowMs, recordedAtMs), tombstoneDays: 4, isForced }),
    );
  }
  return answers;
}

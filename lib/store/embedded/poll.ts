/** Asks again until there is an answer or the time is over. */
import { setTimeout as delay } from "node:timers/promises";

/** The first answer other than undefined, or undefined once `limitMs` have passed. */
export async function poll<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  { everyMs, limitMs }: { readonly everyMs: number; readonly limitMs: number },
): Promise<T | undefined> {
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined || performance.now() >= end) return answer;
    await delay(everyMs);
  }
}

/** Entries that were handed on → acknowledged to their group once they are done with. */

import type { GroupPlace } from "./group.ts";
import { CLAIM_ENTRIES } from "./limits.ts";

export class HandedEntries {
  readonly #place: GroupPlace;
  /** Handed on and not yet applied. */
  readonly #inHand = new Set<string>();
  /** Applied, and Redis does not know yet. */
  readonly #toAcknowledge = new Set<string>();
  readonly #work = new Set<Promise<void>>();
  #isAcknowledging = false;
  /** Something of it was said in vain. */
  #isUnheard = false;

  constructor(place: GroupPlace) {
    this.#place = place;
  }

  /** Whether it is in hand, or applied and not acknowledged. */
  has(id: string): boolean {
    return this.#inHand.has(id) || this.#toAcknowledge.has(id);
  }

  /** Everything that was handed on is applied and acknowledged, or given up. */
  async settled(): Promise<void> {
    while (this.#work.size > 0) await Promise.allSettled(this.#work);
    await this.#acknowledge();
  }

  /** What Redis did not hear, if there is any of it. */
  async sayAgain(): Promise<void> {
    if (this.#isUnheard) await this.#acknowledge();
  }

  /** What is given up (the process ends) stays pending, and comes again. */
  follow(ids: readonly string[], done: Promise<void>): void {
    for (const id of ids) this.#inHand.add(id);
    const work = done.then(
      () => {
        for (const id of ids) {
          this.#inHand.delete(id);
          this.#toAcknowledge.add(id);
        }
        if (!this.#isAcknowledging) void this.#acknowledgeSoon();
      },
      () => {
        for (const id of ids) this.#inHand.delete(id);
      },
    );
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }

  /** What is applied in one turn goes in one command. */
  async #acknowledgeSoon(): Promise<void> {
    this.#isAcknowledging = true;
    await new Promise((resolve) => setImmediate(resolve));
    this.#isAcknowledging = false;
    await this.#acknowledge();
  }

  /** Never rejects: what Redis does not hear now it hears after the next read, and what it never hears is a repeat. */
  async #acknowledge(): Promise<void> {
    const { client, key, group, telemetry } = this.#place;
    const ids = [...this.#toAcknowledge];
    this.#isUnheard = false;
    for (let at = 0; at < ids.length; at += CLAIM_ENTRIES) {
      const some = ids.slice(at, at + CLAIM_ENTRIES);
      try {
        await client.xack(key, group, ...some);
        for (const id of some) this.#toAcknowledge.delete(id);
      } catch (error) {
        this.#isUnheard = true;
        telemetry.log.debug("entries could not be acknowledged", { stream: key, error: String(error) });
        return;
      }
    }
  }
}

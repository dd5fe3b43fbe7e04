/** A stream of unknown length in, a fixed number of its items out, each as likely as any other. */
import type { Random } from "./random.ts";

const SIZE = 4096;

export class Reservoir<Item> {
  readonly #items: Item[] = [];
  readonly #random: Random;
  #offered = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The item is made only where it is taken. */
  offer(make: () => Item): void {
    this.#offered += 1;
    const place = this.#items.length < SIZE ? this.#items.length : this.#random.below(this.#offered);
    if (place < SIZE) this.#items[place] = make();
  }

  /** Throws where nothing was offered. */
  draw(random: Random): Item {
    const item = this.#items[random.below(this.#items.length)];
    if (item === undefined) throw new RangeError("nothing was offered");
    return item;
  }
}

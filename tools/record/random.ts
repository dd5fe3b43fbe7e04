// In: a seed. Out: the same choices every time. (TIDs, keys and signatures are the PDS's own and differ from run to run.)

/** A seeded source of choices (mulberry32): good enough to vary a script, and short. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 ≤ x < 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** 0 ≤ whole number < end. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }

  /** Picks by Zipf's law: the first items far more often than the last ones. */
  pickByRank<T>(items: readonly T[], exponent = 1): T {
    let total = 0;
    for (let rank = 1; rank <= items.length; rank++) total += rank ** -exponent;
    let left = this.next() * total;
    for (const [index, item] of items.entries()) {
      left -= (index + 1) ** -exponent;
      if (left <= 0) return item;
    }
    return this.pick(items);
  }

  /** Picks a key in proportion to its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries<number>(weights);
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      left -= weight;
      if (left <= 0) return key as K;
    }
    throw new RangeError("nothing has a weight");
  }
}

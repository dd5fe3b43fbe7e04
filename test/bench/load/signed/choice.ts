/** Seeded choices of the load: by chance, by weight, by rank, and lengths as people's texts have them. */
import { Random } from "../../../../tools/record/random.ts";

export { Random };

/** Picks by Zipf's law out of a fixed number of ranks: 0 far more often than the last. A table, since millions of picks are made. */
export class Ranks {
  readonly #sums: Float64Array;

  /** `flat` is how many of the first ranks are nearly as likely as the very first. */
  constructor({
    size,
    exponent,
    flat = 1,
  }: { readonly size: number; readonly exponent: number; readonly flat?: number }) {
    this.#sums = new Float64Array(size);
    let sum = 0;
    for (let rank = 0; rank < size; rank += 1) {
      sum += (rank + flat) ** -exponent;
      this.#sums[rank] = sum;
    }
  }

  get size(): number {
    return this.#sums.length;
  }

  /** 0 ≤ rank < size. */
  pick(random: Random): number {
    const wanted = random.next() * (this.#sums.at(-1) ?? 0);
    let from = 0;
    let to = this.#sums.length - 1;
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.#sums[middle] ?? 0) <= wanted) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

/** From a log-normal distribution: the median and the spread of its logarithm, cut at the limits. */
export function lengthOf(
  random: Random,
  { median, sigma, atMost }: { readonly median: number; readonly sigma: number; readonly atMost: number },
): number {
  // Box and Muller's way from two even choices to a normal one.
  const normal = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  return Math.max(1, Math.min(atMost, Math.round(median * Math.exp(sigma * normal))));
}

/** Bytes as even as those of a hash. */
export function bytesOf(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < length; at += 4) view.setUint32(at, random.below(2 ** 32));
  return bytes;
}

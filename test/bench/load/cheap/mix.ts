/** Which kind comes next: shuffled, and yet exact over the whole. */
import type { Random } from "./random.ts";

export const KINDS = ["like", "post", "repost", "follow", "delete"] as const;
export type Kind = (typeof KINDS)[number];

/** How many of each in one round; after a round the next begins. Whole numbers; what is not named does not occur. */
export type Mix = Readonly<Partial<Record<Kind, number>>>;

/** The network's: most likes, one post in eight, and deletes of all kinds. */
export const NETWORK_MIX: Mix = { like: 66, post: 12, repost: 10, follow: 7, delete: 5 };

const BLOCK = 1000;

export class KindOrder {
  readonly #wanted: readonly number[];
  readonly #round: number;
  readonly #random: Random;
  #done = KINDS.map(() => 0);
  #block = KINDS.map(() => 0);
  #left = 0;
  #at = 0;

  constructor(mix: Mix, random: Random) {
    this.#wanted = KINDS.map((kind) => mix[kind] ?? 0);
    this.#round = this.#wanted.reduce((sum, count) => sum + count, 0);
    this.#random = random;
    if (!(this.#round > 0)) throw new RangeError("a mix of nothing");
  }

  /** Of all events the share that this kind has. */
  share(kind: Kind): number {
    return (this.#wanted[KINDS.indexOf(kind)] ?? 0) / this.#round;
  }

  next(): Kind {
    if (this.#left === 0) this.#fill();
    let drawn = this.#random.below(this.#left);
    this.#left -= 1;
    for (const [index, kind] of KINDS.entries()) {
      const there = this.#block[index] ?? 0;
      if (drawn < there) {
        this.#block[index] = there - 1;
        return kind;
      }
      drawn -= there;
    }
    throw new RangeError("a block of kinds that is shorter than it says");
  }

  /** The next block's numbers: what is due by its end less what has come; places that are left go to the largest fractions. */
  #fill(): void {
    if (this.#at === this.#round) {
      this.#at = 0;
      this.#done = KINDS.map(() => 0);
    }
    const size = Math.min(BLOCK, this.#round - this.#at);
    this.#at += size;
    const due = this.#wanted.map((wanted, index) => (wanted * this.#at) / this.#round - (this.#done[index] ?? 0));
    this.#block = due.map((count) => Math.max(0, Math.floor(count)));
    const order = due.map((count, index) => [count - Math.floor(count), index] as const).sort((a, b) => b[0] - a[0]);
    let missing = size - this.#block.reduce((sum, count) => sum + count, 0);
    for (const [, index] of order) {
      if (missing <= 0) break;
      this.#block[index] = (this.#block[index] ?? 0) + 1;
      missing -= 1;
    }
    this.#block.forEach((count, index) => {
      this.#done[index] = (this.#done[index] ?? 0) + count;
    });
    this.#left = size;
  }
}

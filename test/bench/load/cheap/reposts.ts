/**
 * Reposts that made a post known, by number: of each post four at the most, 4 × post + 0 … 3 (the network has one for seven likes). Author,
 * time and digest follow from the number; none of them need be one of the load's.
 */
import { makeTid, tidText } from "../../../../lib/core/tid.ts";
import type { RecordRef } from "./edge-templates.ts";
import { actorOf, didOf } from "./population.ts";
import { digestFrom } from "./posts.ts";
import { mixOf, unitOf } from "./random.ts";

export const REPOST = "app.bsky.feed.repost";
const HOUR_US = 3_600_000_000;

export interface RepostsOptions {
  /** Of post 0, in microseconds since 1970. */
  readonly startUs: number;
  /** From one post to the next. */
  readonly postIntervalUs: number;
}

export class Reposts {
  readonly #options: RepostsOptions;

  constructor(options: RepostsOptions) {
    this.#options = options;
  }

  /** One of the post's, from a number in [0, 1): the first more often than the last. */
  static of(post: number, unit: number): number {
    return post * 4 + Math.floor(4 * unit ** 3);
  }

  author(repost: number): number {
    return actorOf(unitOf(repost, 23));
  }

  key(repost: number): { readonly us: number; readonly clock: number } {
    const { startUs, postIntervalUs } = this.#options;
    const us = startUs + Math.floor(Math.floor(repost / 4) * postIntervalUs) + (mixOf(repost, 24) % HOUR_US);
    return { us, clock: repost & 1023 };
  }

  rkey(repost: number): string {
    const { us, clock } = this.key(repost);
    return tidText(makeTid(us, clock));
  }

  digest(repost: number): Uint8Array {
    return digestFrom(repost, 25);
  }

  ref(repost: number): RecordRef {
    return { uri: `at://${didOf(this.author(repost))}/${REPOST}/${this.rkey(repost)}`, digest: this.digest(repost) };
  }
}

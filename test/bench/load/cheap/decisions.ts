/**
 * What the load does next, as numbers: who, when, what, and which post it is about. Rendering (rendering.ts) makes events of them, for
 * whatever goes through consume(), and bulk/ rows, for what only has to be there. The same seed decides the same either way.
 */
import { makeTid, tidText } from "../../../../lib/core/tid.ts";
import { type Kind, KindOrder, type Mix } from "./mix.ts";
import { AUTHORS, actorOf, didOf, followedOf } from "./population.ts";
import { Posts } from "./posts.ts";
import { mixOf, Random } from "./random.ts";
import { REPOST, Reposts } from "./reposts.ts";
import { Reservoir } from "./reservoir.ts";

export const LIKE = "app.bsky.feed.like";
export const FOLLOW = "app.bsky.graph.follow";
export const POST = "app.bsky.feed.post";
/** What a delete can take back. */
type EdgeKind = "like" | "repost" | "follow";
const EDGES = { like: LIKE, repost: REPOST, follow: FOLLOW } as const;

/** 2026-01-01: in the past, so that no rev comes from the future. */
export const START_US = Date.UTC(2026, 0, 1) * 1000;
const EVENTS_PER_SECOND = 450;
const INTERVAL_US = 1e6 / EVENTS_PER_SECOND;
/** Posts of the network for each like, whether the mix has them made or not: what is not made is liked all the same. */
const POSTS_A_LIKE = 0.15;
export const VIA_SHARE = 0.12;
const LOG_AGE_SECONDS = { mean: Math.log(5400), deviation: 1.6 } as const;
/** One post in 2^g has popularity g, and each popularity gets the same share of likes: twice as popular is half as frequent. */
const LEAST_POPULARITY = 1;
const MOST_POPULARITY = 14;
/** An old one, of nobody's in particular. */
const HOT_POST = -1;
const MADE_KEPT = 65_536;
/** One edge in so many is remembered, for deletes. */
const MADE_EVERY = 8;

/** A TID in two numbers: microseconds since 1970, and ten bits. */
export interface Tid {
  readonly us: number;
  readonly clock: number;
}

/** A like, repost or follow; author and people are numbers of population.ts, posts and reposts those of posts.ts and reposts.ts. */
export interface Edge {
  readonly kind: EdgeKind;
  readonly author: number;
  readonly key: Tid;
  /** Unix milliseconds, those of its key. */
  readonly createdMs: number;
  /** Of a like or repost: what it is about. */
  readonly post: number;
  /** Of a like: the repost that led there, or null. */
  readonly via: number | null;
  /** Of a follow: who is followed. */
  readonly person: number;
}

/** `target` null: a key that nobody has. */
export type Action =
  | Edge
  | { readonly kind: "post"; readonly author: number; readonly post: number }
  | { readonly kind: "delete"; readonly author: number; readonly key: Tid; readonly target: Edge | null };

export interface Decision {
  readonly seq: number;
  /** When the commit was made; its rev is of that time. */
  readonly rev: Tid;
  /** Of its author's commit before. */
  readonly since: Tid;
  readonly action: Action;
}

interface Place {
  readonly author: number;
  readonly collection: string;
  readonly rkey: string;
}

export interface DecisionsOptions {
  readonly mix: Mix;
  readonly seed: number;
}

export class Decisions {
  readonly posts: Posts;
  readonly reposts: Reposts;
  /** Of all likes the share that one post gets. */
  hotShare = 0;
  readonly #random: Random;
  readonly #order: KindOrder;
  readonly #postsPerEvent: number;
  readonly #revs = { us: new Float64Array(AUTHORS), clock: new Uint16Array(AUTHORS) };
  /** Microseconds of the newest edge of each author. */
  readonly #lastKeys = new Float64Array(AUTHORS);
  readonly #made: Edge[] = [];
  readonly #examples: { readonly posts: Reservoir<Place>; readonly likes: Reservoir<Place> };
  #seq = 0;
  #nextPost = 0;

  constructor({ mix, seed }: DecisionsOptions) {
    this.#random = new Random(seed);
    this.#order = new KindOrder(mix, new Random(seed + 1));
    this.#postsPerEvent = Math.max(this.#order.share("post"), this.#order.share("like") * POSTS_A_LIKE);
    this.posts = new Posts({ seed, startUs: START_US, perSecond: EVENTS_PER_SECOND * this.#postsPerEvent });
    this.reposts = new Reposts({ startUs: START_US, postIntervalUs: INTERVAL_US / this.#postsPerEvent });
    this.#examples = { posts: new Reservoir(new Random(seed + 2)), likes: new Reservoir(new Random(seed + 3)) };
  }

  /** Of the event decided last; 0 before the first. */
  get seq(): number {
    return this.#seq;
  }

  /** `kind`: this one, instead of what is due in the mix. */
  next(kind: Kind = this.#order.next()): Decision {
    this.#seq += 1;
    // Uniform in its interval and never twice the same.
    const us = START_US + Math.floor((this.#seq + this.#random.unit() * 0.9) * INTERVAL_US);
    const action = this.#act(kind, us);
    const { author } = action;
    const since = this.revOf(author);
    const rev = { us, clock: this.#random.bits() & 1023 };
    this.#revs.us[author] = rev.us;
    this.#revs.clock[author] = rev.clock;
    return { seq: this.#seq, rev, since, action };
  }

  /** Of an author's last commit. */
  revOf(author: number): Tid {
    const us = this.#revs.us[author] ?? 0;
    return us === 0 ? revBefore(author) : { us, clock: this.#revs.clock[author] ?? 0 };
  }

  /** Addresses of posts and likes that the load has made, as many of each and evenly over all of its time. */
  sampleMade(count: number): readonly string[] {
    const random = new Random(this.#seq);
    return Array.from({ length: count }, (_, index) =>
      uriOf((index % 2 === 0 ? this.#examples.posts : this.#examples.likes).draw(random)),
    );
  }

  /** Addresses of posts as likes choose them: the more likes, the more often. */
  sampleLiked(count: number): readonly string[] {
    return Array.from({ length: count }, () => this.posts.uri(this.#subjectPost()));
  }

  #act(kind: Kind, us: number): Action {
    const createdMs = Math.floor(us / 1000) - 50 - this.#random.below(1900);
    if (kind === "post") return this.#post();
    return kind === "delete" ? this.#delete(createdMs) : this.#edge(kind, createdMs);
  }

  #post(): Action {
    const post = Math.max(this.#nextPost, this.#postNow);
    this.#nextPost = post + 1;
    this.posts.make(post);
    const author = this.posts.author(post);
    this.#examples.posts.offer(() => ({ author, collection: POST, rkey: this.posts.rkey(post) }));
    return { kind: "post", author, post };
  }

  #edge(kind: EdgeKind, createdMs: number): Edge {
    const author = actorOf(this.#random.unit());
    const key = this.#key(author, createdMs * 1000 + this.#random.below(1000));
    const isHot = kind === "like" && this.hotShare > 0 && this.#random.unit() < this.hotShare;
    const post = kind === "follow" ? 0 : isHot ? HOT_POST : this.#subjectPost();
    const hasVia = kind === "like" && !isHot && this.#random.unit() < VIA_SHARE;
    const via = hasVia ? Reposts.of(post, this.#random.unit()) : null;
    const person = kind === "follow" ? followedOf(this.#random.unit()) : 0;
    const edge: Edge = { kind, author, key, createdMs: Math.floor(key.us / 1000), post, via, person };
    if (kind === "like") this.#examples.likes.offer(() => ({ author, collection: LIKE, rkey: rkeyOf(key) }));
    if (this.#seq % MADE_EVERY === 0) this.#remember(edge);
    return edge;
  }

  /** Later than the author's last: of millions of likes by one account two would meet in a microsecond otherwise, and be one record. */
  #key(author: number, us: number): Tid {
    const free = Math.max(us, (this.#lastKeys[author] ?? 0) + 1);
    this.#lastKeys[author] = free;
    return { us: free, clock: mixOf(author, 22) & 1023 };
  }

  /** The post that is being written at this moment of the load. */
  get #postNow(): number {
    return Math.floor(this.#seq * this.#postsPerEvent);
  }

  /** First when, then how popular: of those around, the one that all likes of this popularity meet at. */
  #subjectPost(): number {
    const ageSeconds = Math.exp(LOG_AGE_SECONDS.mean + LOG_AGE_SECONDS.deviation * this.#random.normal());
    const post = this.#postNow - 1 - Math.floor(ageSeconds * EVENTS_PER_SECOND * this.#postsPerEvent);
    const step = 2 ** (LEAST_POPULARITY + this.#random.below(MOST_POPULARITY - LEAST_POPULARITY + 1));
    return Math.floor(post / step) * step;
  }

  #remember(made: Edge): void {
    if (this.#made.length < MADE_KEPT) this.#made.push(made);
    else this.#made[this.#random.below(MADE_KEPT)] = made;
  }

  /** Something once made; where there is nothing yet, a key that nobody has. */
  #delete(createdMs: number): Action {
    const index = this.#random.below(this.#made.length);
    const target = this.#made[index];
    const last = this.#made.pop();
    if (target === undefined || last === undefined) {
      const author = actorOf(this.#random.unit());
      return { kind: "delete", author, key: { us: createdMs * 1024, clock: 0 }, target: null };
    }
    if (index < this.#made.length) this.#made[index] = last;
    return { kind: "delete", author: target.author, key: target.key, target };
  }
}

/** Of the commit before the load's first of this author: up to a month before it began. */
export function revBefore(author: number): Tid {
  return { us: START_US - (mixOf(author, 26) % 2_592_000) * 1_000_000, clock: 0 };
}

/** The collection that an edge's record is in. */
export function collectionOf({ kind }: Pick<Edge, "kind">): string {
  return EDGES[kind];
}

export function rkeyOf({ us, clock }: Tid): string {
  return tidText(makeTid(us, clock));
}

function uriOf({ author, collection, rkey }: Place): string {
  return `at://${didOf(author)}/${collection}/${rkey}`;
}

/**
 * The second generator: a seeded, endless load as packs, for what the first one is too dear for (it signs frames and
 * builds repos). No CAR and no signature, but records that are really encoded and really hash to their CIDs.
 *
 * - One op a commit, revs that rise with every event, each `since` its author's rev before: the fast path, as on the network.
 * - 450 events a second of the load's own time (420 to 480 were measured in July 2026), beginning in the past.
 * - Authors: 1.2 million with the network's inequality; accounts pointed at: 6 million (population.ts).
 * - Posts are made by the load and liked later, also those of before it began (posts.ts). A like goes to a post whose age has a median
 *   of 90 minutes and in one case of 40 is above a day and a half; how many likes posts get is a power law, in which a
 *   post that gets any gets five on average over two hours.
 * - 12 % of likes name the repost that led to them (`via`), as in the one corpus where it was counted.
 * - Own keys are TIDs up to two seconds before the rev; `createdAt` is the key's time in milliseconds.
 * - Deletes take back a like, repost or follow that the load made.
 *
 * Left out: handles, accounts, repeats, broken chains, DIDs other than `did:plc`, commits of several ops. Memory is bounded: 42 MB for digests of
 * posts, 10 MB for the authors' revs.
 */
import { DIGEST_PREFIX_BYTES, digestOf } from "../../../lib/core/cid.ts";
import type { CommitEvent, CommitOp } from "../../../lib/core/event.ts";
import { laneOf } from "../../../lib/core/lane.ts";
import type { Pack } from "../../../lib/core/pack.ts";
import { PackBuilder } from "../../../lib/core/pack-builder.ts";
import { tidText } from "../../../lib/core/tid.ts";
import { createEdgeTemplates, type EdgeTemplates, type RecordRef } from "./cheap/edge-templates.ts";
import { type Kind, KindOrder, type Mix, NETWORK_MIX } from "./cheap/mix.ts";
import { AUTHORS, actorOf, didOf, followedOf } from "./cheap/population.ts";
import { digestFrom, Posts } from "./cheap/posts.ts";
import { mixOf, Random, unitOf } from "./cheap/random.ts";
import { Reservoir } from "./cheap/reservoir.ts";

export interface LoadOptions {
  readonly mix?: Mix;
  readonly seed?: number;
  readonly lanes?: number;
}

/** A piece of the load. */
export interface Portion {
  readonly events: number;
  /** Events a pack. */
  readonly size: number;
  readonly kind?: Kind;
}

export const LANES = 8;
export const RELAY = "load.test";
/** 2026-01-01: in the past, so that no rev comes from the future. */
const START_US = Date.UTC(2026, 0, 1) * 1000;
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

interface Place {
  readonly author: number;
  readonly collection: string;
  readonly rkey: string;
}

/** What can be taken back. */
interface Made extends Place {
  readonly digest: Uint8Array;
}
const MADE_KEPT = 65_536;
/** One edge in so many is remembered: hashing all of them would cost as much as making them. */
const MADE_EVERY = 8;

const LIKE = "app.bsky.feed.like";
const REPOST = "app.bsky.feed.repost";
const FOLLOW = "app.bsky.graph.follow";
const POST = "app.bsky.feed.post";

interface Write {
  readonly author: number;
  readonly op: CommitOp;
}

export class PackLoad {
  readonly #random: Random;
  readonly #order: KindOrder;
  readonly #posts: Posts;
  readonly #postsPerEvent: number;
  readonly #templates: EdgeTemplates = createEdgeTemplates();
  readonly #revs = new BigInt64Array(AUTHORS);
  readonly #made: Made[] = [];
  readonly #examples: { readonly posts: Reservoir<Place>; readonly likes: Reservoir<Place> };
  readonly #lanes: { readonly builder: PackBuilder; number: number }[];
  /** Of all likes the share that one post gets. */
  hotShare = 0;
  #seq = 0;
  #nextPost = 0;

  constructor({ mix = NETWORK_MIX, seed = 1, lanes = LANES }: LoadOptions = {}) {
    this.#random = new Random(seed);
    this.#order = new KindOrder(mix, new Random(seed + 1));
    this.#postsPerEvent = Math.max(this.#order.share("post"), this.#order.share("like") * POSTS_A_LIKE);
    this.#posts = new Posts({ seed, startUs: START_US, perSecond: EVENTS_PER_SECOND * this.#postsPerEvent });
    this.#examples = { posts: new Reservoir(new Random(seed + 2)), likes: new Reservoir(new Random(seed + 3)) };
    this.#lanes = Array.from({ length: lanes }, () => ({ builder: new PackBuilder(), number: 0 }));
  }

  /** Of the event made last; 0 before the first. */
  get seq(): number {
    return this.#seq;
  }

  /** Addresses of posts and likes that the load has made, as many of each and evenly over all of its time, for look-ups. */
  sampleMade(count: number): readonly string[] {
    const random = new Random(this.#seq);
    return Array.from({ length: count }, (_, index) =>
      uriOf((index % 2 === 0 ? this.#examples.posts : this.#examples.likes).draw(random)),
    );
  }

  /** Addresses of posts as likes choose them: the more likes, the more often. */
  sampleLiked(count: number): readonly string[] {
    return Array.from({ length: count }, () => this.#posts.uri(this.#subjectPost()));
  }

  /** `kind`: this one, instead of what is due in the mix. */
  event(kind: Kind = this.#order.next()): CommitEvent {
    this.#seq += 1;
    // Uniform in its interval and never twice the same.
    const us = START_US + Math.floor((this.#seq + this.#random.unit() * 0.9) * INTERVAL_US);
    const write = this.#write(kind, us);
    const rev = (BigInt(us) << 10n) | BigInt(this.#random.bits() & 1023);
    const since = this.#revs[write.author] || revBefore(write.author);
    this.#revs[write.author] = rev;
    return {
      kind: "commit",
      seq: this.#seq,
      did: didOf(write.author),
      timeMs: Math.floor(us / 1000) + 40,
      receivedAtMs: Math.floor(us / 1000) + 120,
      rev,
      since,
      tree: treeAt(write.author, rev),
      prevTree: treeAt(write.author, since),
      ops: [write.op],
      rawFrame: null,
    };
  }

  /**
   * So many more events, a pack a call: of each lane in order, `size` events each but for the lane's last, and nothing when all have been
   * given. `kind`: all of this one, instead of the mix.
   */
  source({ events, size, kind }: Portion): () => Pack | undefined {
    const end = this.#seq + events;
    let rest: Pack[] | undefined;
    return () => {
      while (this.#seq < end) {
        const pack = this.#append(this.event(kind), size);
        if (pack !== undefined) return pack;
      }
      rest ??= this.#lanes.flatMap(({ builder }, lane) => (builder.count === 0 ? [] : [this.#seal(lane)]));
      return rest.shift();
    };
  }

  /** The same at once, for packs that are to be ready before a clock starts. */
  packs(portion: Portion): Pack[] {
    const next = this.source(portion);
    const packs: Pack[] = [];
    for (let pack = next(); pack !== undefined; pack = next()) packs.push(pack);
    return packs;
  }

  #append(event: CommitEvent, size: number): Pack | undefined {
    const lane = laneOf(event.did, this.#lanes.length);
    const builder = this.#lanes[lane]?.builder;
    builder?.append(event);
    return builder !== undefined && builder.count >= size ? this.#seal(lane) : undefined;
  }

  #seal(lane: number): Pack {
    const state = this.#lanes[lane];
    if (state === undefined) throw new RangeError(`no lane ${lane}`);
    state.number += 1;
    const { builder, number } = state;
    return builder.seal({ lane, lanes: this.#lanes.length, relay: RELAY, epoch: 1, fence: 1, number });
  }

  #write(kind: Kind, us: number): Write {
    const createdMs = Math.floor(us / 1000) - 50 - this.#random.below(1900);
    switch (kind) {
      case "post":
        return this.#post();
      case "delete":
        return this.#delete(createdMs);
      case "like":
        return this.#edge(LIKE, createdMs, (createdAt) => this.#like(createdAt));
      case "repost":
        return this.#edge(REPOST, createdMs, (createdAt) => this.#templates.repost(this.#subject(), createdAt));
      case "follow":
        return this.#edge(FOLLOW, createdMs, (createdAt) =>
          this.#templates.follow(didOf(followedOf(this.#random.unit())), createdAt),
        );
    }
  }

  #post(): Write {
    const post = Math.max(this.#nextPost, this.#postNow);
    this.#nextPost = post + 1;
    this.#examples.posts.offer({ author: this.#posts.author(post), collection: POST, rkey: this.#posts.rkey(post) });
    const record = this.#posts.record(post);
    this.#posts.keep(post, digestOf(record));
    return { author: this.#posts.author(post), op: creation(POST, this.#posts.rkey(post), record) };
  }

  #edge(collection: string, createdMs: number, record: (createdAt: string) => Uint8Array): Write {
    const author = actorOf(this.#random.unit());
    const rkey = tidText(
      (BigInt(createdMs * 1000 + this.#random.below(1000)) << 10n) | BigInt(mixOf(author, 22) & 1023),
    );
    const bytes = record(new Date(createdMs).toISOString());
    if (collection === LIKE) this.#examples.likes.offer({ author, collection, rkey });
    if (this.#seq % MADE_EVERY === 0) this.#remember({ author, collection, rkey, digest: digestOf(bytes) });
    return { author, op: creation(collection, rkey, bytes) };
  }

  #like(createdAt: string): Uint8Array {
    if (this.hotShare > 0 && this.#random.unit() < this.hotShare) {
      return this.#templates.like(this.#posts.ref(HOT_POST), createdAt, null);
    }
    const post = this.#subjectPost();
    const via = this.#random.unit() < VIA_SHARE ? this.#repostOf(post) : null;
    return this.#templates.like(this.#posts.ref(post), createdAt, via);
  }

  #subject(): RecordRef {
    return this.#posts.ref(this.#subjectPost());
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

  /** One of the four reposts at most that made a post known (the network has one for seven likes); it need not be one of the load's. */
  #repostOf(post: number): RecordRef {
    const repost = post * 4 + Math.floor(4 * this.#random.unit() ** 3);
    const author = actorOf(unitOf(repost, 23));
    const us = START_US + Math.floor((post / this.#postsPerEvent) * INTERVAL_US) + (mixOf(repost, 24) % 3_600_000_000);
    const rkey = tidText((BigInt(us) << 10n) | BigInt(repost & 1023));
    return { uri: `at://${didOf(author)}/${REPOST}/${rkey}`, digest: digestFrom(repost, 25) };
  }

  #remember(made: Made): void {
    if (this.#made.length < MADE_KEPT) this.#made.push(made);
    else this.#made[this.#random.below(MADE_KEPT)] = made;
  }

  /** Something once made; where there is nothing yet, a key that nobody has. */
  #delete(createdMs: number): Write {
    const index = this.#random.below(this.#made.length);
    const made = this.#made[index];
    const last = this.#made.pop();
    if (made === undefined || last === undefined) {
      const rkey = tidText(BigInt(createdMs) << 20n);
      return { author: actorOf(this.#random.unit()), op: deletion(LIKE, rkey, null) };
    }
    if (index < this.#made.length) this.#made[index] = last;
    return { author: made.author, op: deletion(made.collection, made.rkey, made.digest) };
  }
}

function uriOf({ author, collection, rkey }: Place): string {
  return `at://${didOf(author)}/${collection}/${rkey}`;
}

function creation(collection: string, rkey: string, record: Uint8Array): CommitOp {
  return { action: "create", collection, rkey, cid: null, prev: null, record, fault: null };
}

function deletion(collection: string, rkey: string, digest: Uint8Array | null): CommitOp {
  const prev = digest?.subarray(0, DIGEST_PREFIX_BYTES) ?? null;
  return { action: "delete", collection, rkey, cid: null, prev, record: null, fault: null };
}

/** Of the commit before the load's first of this author: up to a month before it began. */
function revBefore(author: number): bigint {
  return BigInt(START_US - (mixOf(author, 26) % 2_592_000) * 1_000_000) << 10n;
}

/** The root of an author's tree after the commit of that rev. */
function treeAt(author: number, rev: bigint): Uint8Array {
  return digestFrom(Number(rev & 0xffff_ffffn) ^ author, Number((rev >> 32n) & 0x7fff_ffffn)).subarray(
    0,
    DIGEST_PREFIX_BYTES,
  );
}

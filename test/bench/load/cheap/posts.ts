/**
 * Posts by number, 0, 1, 2 … as the load goes on and negative ones from before it: author, time, record and CID all follow from the number,
 * so that a like can name a post of last week exactly without anybody having kept it. Only a post that the load makes has a record; of the
 * others nobody ever sees more than the CID, and theirs is made up.
 *
 * 58 % begin a thread, 24 % answer such a post, 18 % answer an answer; 22 % have an image, 8 % a link's card, 6 % quote; one in
 * five is written in kana. With texts of 70 characters in the median a record has 340 to 500 bytes on average, as on the network.
 */
import { CID_BYTES, CID_PREFIX, CidLink, DIGEST_BYTES, digestOf, RAW } from "../../../../lib/core/cid.ts";
import type { CborMap, CborValue } from "../../../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../../../lib/core/dag-cbor-encode.ts";
import { makeTid, tidText } from "../../../../lib/core/tid.ts";
import { type RecordRef, strongRef } from "./edge-templates.ts";
import { didOf, posterOf } from "./population.ts";
import { mixOf, unitOf } from "./random.ts";
import { textOf } from "./texts.ts";

export interface PostsOptions {
  readonly seed: number;
  /** Of post 0, in microseconds since 1970. */
  readonly startUs: number;
  readonly perSecond: number;
}

/** What is drawn from a post's number, each from a sequence of its own. */
const DRAW = {
  author: 1,
  level: 2,
  time: 3,
  text: 4,
  parent: 5,
  embed: 6,
  image: 7,
  size: 8,
  clock: 9,
  digest: 10,
} as const;

/** Digests of this many posts are kept, the latest ones as a rule: 42 MB. */
const KEPT = 2 ** 20;
/** Clients choose the key a moment before their server commits. */
const BEFORE_COMMIT_US = 3_000_000;
const THREAD_SHARE = 0.58;
const FIRST_ANSWER_SHARE = 0.24;
const IMAGE_SHARE = 0.22;
/** Images, or the card of a link. */
const PICTURE_SHARE = 0.3;
const QUOTE_SHARE = 0.06;
/** Posts that a post names, on average: an answer its parent and its root, a quote what it quotes. */
export const REFERENCES_A_POST = 2 * (1 - THREAD_SHARE) + QUOTE_SHARE;

/** Numbers of the posts that a post names; null for none. */
export interface PostReferences {
  readonly root: number | null;
  readonly parent: number | null;
  readonly quote: number | null;
}

export class Posts {
  readonly #seed: number;
  readonly #startUs: number;
  readonly #intervalUs: number;
  readonly #kept = new Uint8Array(KEPT * DIGEST_BYTES);
  readonly #keptNumbers = new Float64Array(KEPT).fill(Number.NaN);
  /** A bit for each post that the load has made. */
  #made = new Uint8Array(2 ** 16);

  constructor({ seed, startUs, perSecond }: PostsOptions) {
    this.#seed = seed;
    this.#startUs = startUs - BEFORE_COMMIT_US;
    this.#intervalUs = 1e6 / perSecond;
  }

  author(post: number): number {
    return posterOf(unitOf(post, this.#salt(DRAW.author)), { isOld: post < 0 });
  }

  /** A TID, in two numbers. */
  key(post: number): { readonly us: number; readonly clock: number } {
    return { us: this.#timeUs(post), clock: mixOf(post, this.#salt(DRAW.clock)) & 1023 };
  }

  rkey(post: number): string {
    const { us, clock } = this.key(post);
    return tidText(makeTid(us, clock));
  }

  uri(post: number): string {
    return `at://${didOf(this.author(post))}/app.bsky.feed.post/${this.rkey(post)}`;
  }

  ref(post: number): RecordRef {
    return { uri: this.uri(post), digest: this.digest(post) };
  }

  /** Of the record's CID. A view: valid until the next call. */
  digest(post: number): Uint8Array {
    const slot = ((post % KEPT) + KEPT) % KEPT;
    const kept = this.#kept.subarray(slot * DIGEST_BYTES, (slot + 1) * DIGEST_BYTES);
    if (this.#keptNumbers[slot] !== post) {
      kept.set(this.#isMade(post) ? digestOf(this.record(post)) : digestFrom(post, this.#salt(DRAW.digest)));
      this.#keptNumbers[slot] = post;
    }
    return kept;
  }

  /** This one gets a record. To be said before anything names it; of a post that is passed over nothing is ever made. */
  make(post: number): void {
    const at = post >>> 3;
    if (at >= this.#made.length) {
      const larger = new Uint8Array(2 * at);
      larger.set(this.#made);
      this.#made = larger;
    }
    this.#made[at] = (this.#made[at] ?? 0) | (1 << (post & 7));
  }

  #isMade(post: number): boolean {
    return post >= 0 && ((this.#made[post >>> 3] ?? 0) & (1 << (post & 7))) !== 0;
  }

  /** Remembers the digest of a record just made, which spares making it again. */
  keep(post: number, digest: Uint8Array): void {
    const slot = ((post % KEPT) + KEPT) % KEPT;
    this.#kept.set(digest, slot * DIGEST_BYTES);
    this.#keptNumbers[slot] = post;
  }

  /** Canonical DAG-CBOR. */
  record(post: number): Uint8Array {
    const text = textOf(mixOf(post, this.#salt(DRAW.text)));
    const record: CborMap = new Map<string, CborValue>([
      ["text", text.text],
      ["$type", "app.bsky.feed.post"],
    ]);
    const { root, parent, quote } = this.references(post);
    const embed = quote === null ? this.#embed(post) : quotation(this.#strongRef(quote));
    if (embed !== null) record.set("embed", embed);
    record.set("langs", [text.language]);
    if (root !== null && parent !== null) record.set("reply", this.#reply(root, parent));
    record.set("createdAt", new Date(Math.floor(this.#timeUs(post) / 1000)).toISOString());
    return encodeCbor(record);
  }

  /** Uniform in its interval: the order of numbers is the order of times. */
  #timeUs(post: number): number {
    const within = unitOf(post, this.#salt(DRAW.time));
    return Math.floor(this.#startUs + (post + within) * this.#intervalUs);
  }

  /** 0 begins a thread, 1 answers one that does, 2 answers an answer: what an answer needs is found in two steps at the most. */
  #level(post: number): 0 | 1 | 2 {
    const unit = unitOf(post, this.#salt(DRAW.level));
    return unit < THREAD_SHARE ? 0 : unit < THREAD_SHARE + FIRST_ANSWER_SHARE ? 1 : 2;
  }

  references(post: number): PostReferences {
    const level = this.#level(post);
    const parent = level === 0 ? null : this.#parent(post, level === 1 ? 0 : 1);
    const root = level === 2 && parent !== null ? this.#parent(parent, 0) : parent;
    const unit = unitOf(post, this.#salt(DRAW.embed));
    const isQuote = unit >= PICTURE_SHARE && unit < PICTURE_SHARE + QUOTE_SHARE;
    return { root, parent, quote: isQuote ? this.#parent(post, 0) : null };
  }

  #reply(root: number, parent: number): CborMap {
    return new Map<string, CborValue>([
      ["root", this.#strongRef(root)],
      ["parent", this.#strongRef(parent)],
    ]);
  }

  /** An earlier post of that level: most answers come within the hour. */
  #parent(post: number, level: 0 | 1): number {
    const back = 1 + Math.floor(30 / (unitOf(post, this.#salt(DRAW.parent)) + 1e-4));
    let parent = post - back;
    while (this.#level(parent) !== level) parent -= 1;
    return parent;
  }

  #strongRef(post: number): CborValue {
    return strongRef(this.uri(post), this.digest(post));
  }

  #embed(post: number): CborMap | null {
    const unit = unitOf(post, this.#salt(DRAW.embed));
    if (unit < IMAGE_SHARE) return this.#images(post);
    return unit < PICTURE_SHARE ? this.#external(post) : null;
  }

  #images(post: number): CborMap {
    const image = new Map<string, CborValue>([
      ["alt", ""],
      ["image", this.#blob(post)],
      [
        "aspectRatio",
        new Map<string, CborValue>([
          ["width", 2000],
          ["height", 1000 + (mixOf(post, this.#salt(DRAW.size)) % 1500)],
        ]),
      ],
    ]);
    return new Map<string, CborValue>([
      ["$type", "app.bsky.embed.images"],
      ["images", [image]],
    ]);
  }

  #external(post: number): CborMap {
    const title = textOf(mixOf(post, this.#salt(DRAW.image)));
    const external = new Map<string, CborValue>([
      ["uri", `https://news.example/${mixOf(post, this.#salt(DRAW.size)).toString(36)}`],
      ["thumb", this.#blob(post)],
      ["title", title.text],
      ["description", ""],
    ]);
    return new Map<string, CborValue>([
      ["$type", "app.bsky.embed.external"],
      ["external", external],
    ]);
  }

  #blob(post: number): CborMap {
    const cid = new Uint8Array(CID_BYTES);
    cid.set(CID_PREFIX);
    cid[1] = RAW;
    cid.set(digestFrom(post, this.#salt(DRAW.image)), CID_PREFIX.length);
    return new Map<string, CborValue>([
      ["ref", new CidLink(cid)],
      ["size", 100_000 + (mixOf(post, this.#salt(DRAW.size)) % 800_000)],
      ["$type", "blob"],
      ["mimeType", "image/jpeg"],
    ]);
  }

  #salt(draw: number): number {
    return this.#seed * 16 + draw;
  }
}

function quotation(quoted: CborValue): CborMap {
  return new Map<string, CborValue>([
    ["$type", "app.bsky.embed.record"],
    ["record", quoted],
  ]);
}

/** 32 bytes that stand for a hash of what nobody has: trees, commits, images. */
export function digestFrom(index: number, salt: number): Uint8Array {
  const bytes = new Uint8Array(DIGEST_BYTES);
  for (let at = 0; at < DIGEST_BYTES; at += 4) {
    const word = mixOf(index, salt + at * 65_537);
    bytes[at] = word;
    bytes[at + 1] = word >>> 8;
    bytes[at + 2] = word >>> 16;
    bytes[at + 3] = word >>> 24;
  }
  return bytes;
}

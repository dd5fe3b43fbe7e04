/** What the accounts of the load do, one after another: in a seed, out signed frames and the accounts' DID documents. */
import { createHash } from "node:crypto";
import { Secp256k1Keypair } from "@atproto/crypto";
import { MemoryBlockstore } from "@atproto/repo";
import { Random, Ranks } from "./choice.ts";
import { didAt, EPOCH_MICROS, tidAt, unseenCid } from "./names.ts";
import { pastTree } from "./past-tree.ts";
import * as records from "./records.ts";
import { SignedRepo, type Write } from "./signed-repo.ts";
import { Writer } from "./texts.ts";

export interface LifeOptions {
  readonly seed: number;
  /** Repos that there are; the first are the largest and the most active. */
  readonly accounts: number;
  /** Records in the largest repo before the first frame. */
  readonly largestRepo: number;
  /** Accounts that are only mentioned; they have half as many posts. */
  readonly strangers: number;
}

/** Kinds of commits, in per mille: near the network's mix of 60 to 70 % likes, 12 % posts, 10 % reposts, 6 % follows and 5 % deletes. */
const KINDS = {
  like: 630,
  post: 124,
  repost: 103,
  follow: 60,
  delete: 50,
  block: 12,
  "post-with-gate": 5,
  "list-item": 4,
  foreign: 6,
  profile: 4,
  "follow-many": 1,
  "delete-many": 1,
} as const;
type Kind = keyof typeof KINDS;

const PROFILE = "app.bsky.actor.profile/self";

/** What lies in a repo beside its profile, as shares; in the order of the names, which is the tree's. */
const PAST = {
  "app.bsky.feed.like": 0.64,
  "app.bsky.feed.post": 0.15,
  "app.bsky.feed.repost": 0.1,
  "app.bsky.graph.block": 0.015,
  "app.bsky.graph.follow": 0.095,
} as const;

const FOREIGN = [
  "fm.teal.alpha.feed.play",
  "site.standard.document",
  "com.whtwnd.blog.entry",
  "community.lexicon.calendar.rsvp",
];

const CREATED_IN = [...Object.keys(PAST), "app.bsky.feed.threadgate", "app.bsky.graph.listitem", ...FOREIGN];

/** How activity and size of a repo fall with its rank: some dozens of busy accounts, and no single one that is most of the load. */
const BY_RANK = { exponent: 1.1, flat: 30 } as const;

/** Frames a second, as the network had them in July 2026. */
const FRAMES_PER_SECOND = 450;
/** Above the numbers of small tests, and below 2^32: as long in CBOR as those that other loads put in its place. */
const FIRST_SEQ = 3_000_000_001;
/** How far back what lay there before was written. */
const HISTORY_MICROS = 2 * 365 * 86_400 * 1_000_000;
/** Paths of a repo that are remembered so that they can be deleted. */
const REMEMBERED_PATHS = 12;
const CLOCK_IDS = 1024;

/** An account: its repo is made when it first does something. */
interface Account {
  readonly did: string;
  readonly handle: string;
  readonly keypair: Secp256k1Keypair;
  readonly clockId: number;
  readonly recordCount: number;
  repo: SignedRepo | null;
  /** Paths that can be deleted, what was made last at the end. */
  readonly paths: string[];
}

export class Life {
  readonly #accounts: readonly Account[];
  readonly #random: Random;
  readonly #writer: Writer;
  readonly #storage = new MemoryBlockstore();
  readonly #activity: Ranks;
  readonly #strangers: readonly string[];
  readonly #strangerRanks: Ranks;
  readonly #outside: readonly records.StrongRef[];
  readonly #outsideRanks: Ranks;
  /** Posts of this load, the hottest first: what comes first stays on top. */
  readonly #posts: records.StrongRef[] = [];
  #micros = EPOCH_MICROS;
  #seq = FIRST_SEQ;

  private constructor(options: LifeOptions, accounts: readonly Account[]) {
    const { seed, strangers } = options;
    this.#accounts = accounts;
    this.#random = new Random(seed);
    this.#writer = new Writer(new Random(seed + 1));
    this.#activity = new Ranks({ size: accounts.length, ...BY_RANK });
    this.#strangerRanks = new Ranks({ size: strangers, exponent: 0.7 });
    this.#outsideRanks = new Ranks({ size: strangers >> 1, exponent: 0.8 });
    this.#strangers = Array.from({ length: strangers }, (_, index) => didAt(seed, "stranger", index));
    this.#outside = Array.from({ length: strangers >> 1 }, () => this.#outsidePost());
  }

  static async begin(options: LifeOptions): Promise<Life> {
    const accounts: Account[] = [];
    for (let index = 0; index < options.accounts; index += 1) accounts.push(await accountAt(options, index));
    return new Life(options, accounts);
  }

  /** RFC 3339 of the last frame. */
  get now(): string {
    return new Date(this.#micros / 1000).toISOString();
  }

  readonly firstSeq = FIRST_SEQ;

  /** The accounts that have done something. */
  seen(): { did: string; handle: string; document: unknown }[] {
    return this.#accounts
      .filter(({ repo }) => repo !== null)
      .map(({ did, handle, keypair }) => ({ did, handle, document: didDocument({ did, handle, key: keypair.did() }) }));
  }

  /** The next frame. */
  async next(): Promise<Uint8Array> {
    const random = this.#random;
    // Never the same microsecond twice: revs of a repo grow.
    this.#micros += 1 + Math.round((-Math.log(1 - random.next()) / FRAMES_PER_SECOND) * 1_000_000);
    const account = this.#accounts[this.#activity.pick(random)] as Account;
    account.repo ??= await this.#repoOf(account);
    const writes = this.#plan(account, random.weighted(KINDS));
    const rev = tidAt(this.#micros, account.clockId);
    const time = new Date(this.#micros / 1000 + random.below(120)).toISOString();
    const seq = this.#seq;
    this.#seq += 1;
    const { frame, cids } = await account.repo.commit(writes, { seq, rev, time });
    for (const [index, { action, path }] of writes.entries()) {
      const cid = cids[index];
      if (action !== "create") continue;
      account.paths.push(path);
      if (path.startsWith("app.bsky.feed.post/"))
        this.#posts.push({ uri: `at://${account.did}/${path}`, cid: String(cid) });
    }
    return frame;
  }

  #plan(account: Account, kind: Kind): readonly Write[] {
    const scene = this.#scene();
    const path = (collection: string, index = 0): string => `${collection}/${this.#rkey(account, index)}`;
    const create = (collection: string, record: records.Body, index = 0): Write => ({
      action: "create",
      path: path(collection, index),
      record,
    });
    const one = (collection: string, record: records.Body): readonly Write[] => [create(collection, record)];
    switch (kind) {
      case "like":
        return one("app.bsky.feed.like", records.reference("app.bsky.feed.like", scene));
      case "repost":
        return one("app.bsky.feed.repost", records.reference("app.bsky.feed.repost", scene));
      case "post":
        return one("app.bsky.feed.post", records.post(scene));
      case "follow":
        return one("app.bsky.graph.follow", records.edge("app.bsky.graph.follow", scene));
      case "block":
        return one("app.bsky.graph.block", records.edge("app.bsky.graph.block", scene));
      case "list-item": {
        const list = `at://${account.did}/app.bsky.graph.list/${tidAt(EPOCH_MICROS - 1, account.clockId)}`;
        return one("app.bsky.graph.listitem", records.listItem(scene, list));
      }
      case "foreign": {
        const collection = this.#random.pick(FOREIGN);
        return one(collection, records.foreign(collection, scene));
      }
      case "profile":
        return [{ action: "update", path: PROFILE, record: records.profile(scene) }];
      case "post-with-gate": {
        const uri = `at://${account.did}/${path("app.bsky.feed.post")}`;
        return [
          create("app.bsky.feed.post", records.post(scene)),
          create("app.bsky.feed.threadgate", records.threadgate(scene, uri)),
        ];
      }
      case "follow-many":
        return Array.from({ length: 5 + this.#random.below(56) }, (_, index) =>
          create("app.bsky.graph.follow", records.edge("app.bsky.graph.follow", scene), index),
        );
      case "delete":
        return this.#deletes(account, 1);
      case "delete-many":
        return this.#deletes(account, 5 + this.#random.below(36));
    }
  }

  /** Of what was made lately, or of what lay there before; where nothing is left, a like. */
  #deletes(account: Account, count: number): readonly Write[] {
    const { paths } = account;
    const writes: Write[] = [];
    while (writes.length < count && paths.length > 0) {
      const index = this.#random.chance(0.5) ? paths.length - 1 : this.#random.below(paths.length);
      for (const path of paths.splice(index, 1)) writes.push({ action: "delete", path });
    }
    return writes.length > 0 ? writes : this.#plan(account, "like");
  }

  /** Records of one commit follow each other by a microsecond. */
  #rkey({ clockId }: Account, index: number): string {
    return tidAt(this.#micros - 1_000 + index, clockId + 1);
  }

  #scene(): records.Scene {
    const random = this.#random;
    return {
      random,
      writer: this.#writer,
      createdAt: new Date(this.#micros / 1000 - random.below(1_500)).toISOString(),
      stranger: () => this.#strangers[this.#strangerRanks.pick(random)] ?? "",
      post: () => this.#post(),
    };
  }

  #post(): records.StrongRef {
    const random = this.#random;
    const own = random.chance(0.35) ? this.#posts[Math.floor(this.#posts.length * random.next() ** 3)] : undefined;
    return own ?? (this.#outside[this.#outsideRanks.pick(random)] as records.StrongRef);
  }

  #outsidePost(): records.StrongRef {
    const random = this.#random;
    const did = this.#strangers[random.below(this.#strangers.length)] ?? "";
    const rkey = tidAt(EPOCH_MICROS - random.below(3 * 86_400_000_000), random.below(CLOCK_IDS));
    return { uri: `at://${did}/app.bsky.feed.post/${rkey}`, cid: unseenCid(random).toString() };
  }

  async #repoOf({ did, keypair, clockId, recordCount, paths }: Account): Promise<SignedRepo> {
    const random = new Random(Buffer.from(did, "latin1").readUInt32LE(12));
    const past = pastPaths(random, recordCount);
    const touched = new Set(CREATED_IN.map((collection) => placeOf(past, `${collection}/~`)));
    touched.add(past.indexOf(PROFILE));
    for (let count = Math.min(REMEMBERED_PATHS, recordCount >> 2); count > 0; count -= 1) {
      const index = random.below(past.length);
      const path = past[index] ?? PROFILE;
      if (path === PROFILE || touched.has(index)) continue;
      touched.add(index);
      paths.push(path);
    }
    const tree = await pastTree({ paths: past, touched, storage: this.#storage });
    const rev = tidAt(EPOCH_MICROS - random.below(3_600_000_000), clockId);
    return new SignedRepo({ did, keypair, tree, rev });
  }
}

/** As a PLC directory gives it, in the form of 2025. `key` is a did:key. */
function didDocument({ did, handle, key }: { did: string; handle: string; key: string }): unknown {
  const multibase = key.slice("did:key:".length);
  return {
    "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
    id: did,
    alsoKnownAs: [`at://${handle}`],
    verificationMethod: [{ id: `${did}#atproto`, type: "Multikey", controller: did, publicKeyMultibase: multibase }],
    service: [{ id: "#atproto_pds", type: "AtprotoPersonalDataServer", serviceEndpoint: "https://pds.example" }],
  };
}

async function accountAt({ seed, largestRepo }: LifeOptions, index: number): Promise<Account> {
  const key = createHash("sha256").update(`${seed} key ${index}`).digest();
  return {
    did: didAt(seed, "account", index),
    handle: `account-${index}.example`,
    keypair: await Secp256k1Keypair.import(new Uint8Array(key)),
    clockId: index % CLOCK_IDS,
    recordCount: Math.round(largestRepo * (1 + index / BY_RANK.flat) ** -BY_RANK.exponent),
    repo: null,
    paths: [],
  };
}

/** Paths of a profile and of about this many other records, in their order. */
function pastPaths(random: Random, count: number): string[] {
  const paths = [PROFILE];
  for (const [collection, share] of Object.entries(PAST)) {
    const gapMicros = HISTORY_MICROS / (count * share);
    let micros = EPOCH_MICROS - 3_600_000_000 - HISTORY_MICROS;
    for (let left = Math.round(count * share); left > 0; left -= 1) {
      micros += 1 + Math.round(-Math.log(1 - random.next()) * gapMicros * 0.9);
      if (micros < EPOCH_MICROS) paths.push(`${collection}/${tidAt(micros, random.below(CLOCK_IDS))}`);
    }
  }
  return paths;
}

/** Where a path stands, or would stand. */
function placeOf(paths: readonly string[], path: string): number {
  let from = 0;
  let to = paths.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((paths[middle] ?? "") < path) from = middle + 1;
    else to = middle;
  }
  return from;
}

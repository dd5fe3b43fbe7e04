// In: a network. Out: its accounts and what they have written, for a script to choose from.
import type { Capture } from "./capture.ts";
import type { Network } from "./network.ts";
import type { Random } from "./random.ts";
import { sentence } from "./words.ts";
import { type Account, createRecord, deleteRecord, didOf, type Json, type NewRecord, type Ref } from "./writes.ts";

/** Newest posts that are still answered and liked; older ones only get what reaches them by chance. */
const TALKED_ABOUT = 400;

export class World {
  readonly network: Network;
  readonly capture: Capture;
  readonly random: Random;
  /** Those who can write now, the busiest first. */
  readonly active: Account[] = [];
  /** Everyone ever created, gone or not. */
  readonly everyone: Account[] = [];
  /** Posts, the talked-about part of them first. */
  readonly posts: Ref[] = [];
  /** Records that ordinary life may delete again. */
  readonly deletable: { account: Account; uri: string }[] = [];
  /** The last CAR of accounts that cannot be asked any more. */
  readonly lastCars = new Map<string, Uint8Array>();

  readonly #reactions = new Set<string>();

  constructor(parts: { network: Network; capture: Capture; random: Random }) {
    this.network = parts.network;
    this.capture = parts.capture;
    this.random = parts.random;
  }

  get frameCount(): number {
    return this.capture.frames.length;
  }

  now(): string {
    return new Date().toISOString();
  }

  /** Activity follows a power law. */
  anyone(): Account {
    return this.random.pickByRank(this.active);
  }

  /** Somebody else than `account`. */
  other(account: Account): Account {
    for (;;) {
      const found = this.random.pickByRank(this.active, 0.8);
      if (found !== account) return found;
    }
  }

  /**
   * A subject that `account` has not yet given this reaction; after a few tries any. (A second like of one post is answered by the PDS
   * with a commit that takes the first back, which happens in life, but not at every fifth like.)
   */
  fresh<T extends string | Ref>(account: Account, reaction: string, choose: () => T): T {
    let chosen = choose();
    for (let tries = 0; tries < 12; tries++) {
      const key = `${reaction} ${account.did} ${typeof chosen === "string" ? chosen : chosen.uri}`;
      if (!this.#reactions.has(key)) {
        this.#reactions.add(key);
        return chosen;
      }
      chosen = choose();
    }
    return chosen;
  }

  /** A post to answer or like: new and popular ones more often. */
  somePost(): Ref {
    return this.random.pickByRank(this.posts.slice(0, TALKED_ABOUT), 0.7);
  }

  async join(handle = `person-${this.everyone.length}.test`): Promise<Account> {
    const input = { handle, email: `${this.everyone.length}@mail.test`, password: "a password" };
    const { did, accessJwt } = (await this.network.call("com.atproto.server.createAccount", { input })) as {
      did: string;
      accessJwt: string;
    };
    const account = { did, handle, auth: accessJwt };
    this.everyone.push(account);
    // Late ones land anywhere in the ranking: some of them are busy.
    this.active.splice(this.random.below(this.active.length + 1), 0, account);
    return account;
  }

  /** Takes an account out of ordinary life, with its repo as it is now. */
  async retire(account: Account): Promise<void> {
    this.lastCars.set(account.did, await this.fetchCar(account.did));
    this.active.splice(this.active.indexOf(account), 1);
    for (let index = this.deletable.length - 1; index >= 0; index--) {
      if (this.deletable[index]?.account === account) this.deletable.splice(index, 1);
    }
  }

  welcomeBack(account: Account): void {
    this.lastCars.delete(account.did);
    this.active.push(account);
  }

  async fetchCar(did: string): Promise<Uint8Array> {
    return (await this.network.call("com.atproto.sync.getRepo", { query: { did } })) as Uint8Array;
  }

  async create(account: Account, record: NewRecord): Promise<Ref> {
    const ref = await createRecord(this.network, account, record);
    this.deletable.push({ account, uri: ref.uri });
    return ref;
  }

  async post(account: Account, extra: Json = {}, validate?: false): Promise<Ref> {
    const { text, language } = sentence(this.random);
    const record = { text, langs: [language], createdAt: this.now(), ...extra };
    const ref = await this.create(account, {
      collection: "app.bsky.feed.post",
      record,
      ...(validate === false && { validate }),
    });
    // Most posts get little; a few move to the front and stay there.
    const rank = this.random.chance(0.1) ? this.random.below(20) : this.random.below(TALKED_ABOUT);
    this.posts.splice(Math.min(rank, this.posts.length), 0, ref);
    return ref;
  }

  async like(account: Account, subject: Json | Ref, extra: Json = {}, validate?: false): Promise<Ref> {
    const record = { subject, createdAt: this.now(), ...extra };
    return this.create(account, { collection: "app.bsky.feed.like", record, ...(validate === false && { validate }) });
  }

  async repost(account: Account, subject: Ref, extra: Json = {}): Promise<Ref> {
    return this.create(account, {
      collection: "app.bsky.feed.repost",
      record: { subject, createdAt: this.now(), ...extra },
    });
  }

  async follow(account: Account, subject: string): Promise<Ref> {
    return this.create(account, { collection: "app.bsky.graph.follow", record: { subject, createdAt: this.now() } });
  }

  async remove(account: Account, uri: string): Promise<void> {
    await deleteRecord(this.network, account, uri);
    const isGone = (ref: { uri: string }) => ref.uri === uri;
    const index = this.deletable.findIndex(isGone);
    if (index >= 0) this.deletable.splice(index, 1);
    // A post that is gone may still be liked and answered for a while.
    const post = this.posts.findIndex(isGone);
    if (post >= 0 && this.random.chance(0.7)) this.posts.splice(post, 1);
  }

  /** A blob of the account's own (a few bytes behind the signature of a PNG), ready to be put into a record. */
  async uploadImage(account: Account): Promise<Json> {
    const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
    const bytes = Uint8Array.from([...signature, ...Array.from({ length: 24 }, () => this.random.below(256))]);
    const answer = await this.network.call("com.atproto.repo.uploadBlob", {
      auth: account.auth,
      blob: { bytes, type: "image/png" },
    });
    return (answer as { blob: Json }).blob;
  }

  /** A reply's references: to the post, and to the thread's first post as far as this script knows it. */
  replyTo(parent: Ref): Json {
    return { root: this.random.chance(0.5) ? parent : this.somePost(), parent };
  }

  isOwn(account: Account, ref: Ref): boolean {
    return didOf(ref.uri) === account.did;
  }
}

/** Decisions in, commits with real records out. */
import { DIGEST_PREFIX_BYTES, digestOf } from "../../../../lib/core/cid.ts";
import type { CommitEvent, CommitOp } from "../../../../lib/core/event.ts";
import { makeTid } from "../../../../lib/core/tid.ts";
import { type Action, collectionOf, type Decision, type Edge, LIKE, POST, rkeyOf, type Tid } from "./decisions.ts";
import { createEdgeTemplates } from "./edge-templates.ts";
import { didOf } from "./population.ts";
import { digestFrom, type Posts } from "./posts.ts";
import type { Reposts } from "./reposts.ts";

export class Rendering {
  readonly #posts: Posts;
  readonly #reposts: Reposts;
  readonly #templates = createEdgeTemplates();

  constructor({ posts, reposts }: { readonly posts: Posts; readonly reposts: Reposts }) {
    this.#posts = posts;
    this.#reposts = reposts;
  }

  event({ seq, rev, since, action }: Decision): CommitEvent {
    return {
      kind: "commit",
      seq,
      did: didOf(action.author),
      timeMs: timeMsOf(rev),
      receivedAtMs: Math.floor(rev.us / 1000) + 120,
      rev: makeTid(rev.us, rev.clock),
      since: makeTid(since.us, since.clock),
      tree: treeAt(action.author, rev),
      prevTree: treeAt(action.author, since),
      ops: [this.#op(action)],
      rawFrame: null,
    };
  }

  /** Its record, which from now on need not be made again for its digest. */
  post(post: number): { readonly record: Uint8Array; readonly digest: Uint8Array } {
    const record = this.#posts.record(post);
    const digest = digestOf(record);
    this.#posts.keep(post, digest);
    return { record, digest };
  }

  #op(action: Action): CommitOp {
    switch (action.kind) {
      case "post":
        return creation(POST, this.#posts.rkey(action.post), this.post(action.post).record);
      case "delete":
        return this.#deletion(action.key, action.target);
      case "like":
      case "repost":
      case "follow":
        return creation(collectionOf(action), rkeyOf(action.key), this.#edge(action));
    }
  }

  #edge({ kind, createdMs, post, via, person }: Edge): Uint8Array {
    const createdAt = new Date(createdMs).toISOString();
    switch (kind) {
      case "like":
        return this.#templates.like(this.#posts.ref(post), createdAt, via === null ? null : this.#reposts.ref(via));
      case "repost":
        return this.#templates.repost(this.#posts.ref(post), createdAt);
      case "follow":
        return this.#templates.follow(didOf(person), createdAt);
    }
  }

  #deletion(key: Tid, target: Edge | null): CommitOp {
    const collection = target === null ? LIKE : collectionOf(target);
    const prev = target === null ? null : digestOf(this.#edge(target)).subarray(0, DIGEST_PREFIX_BYTES);
    return { action: "delete", collection, rkey: rkeyOf(key), cid: null, prev, record: null, fault: null };
  }
}

/** What the relay says when the commit of this rev was. */
export function timeMsOf({ us }: Tid): number {
  return Math.floor(us / 1000) + 40;
}

/** The root of an author's tree after the commit of that rev. */
export function treeAt(author: number, { us, clock }: Tid): Uint8Array {
  // The lower and the upper half of the rev.
  const low = (us % 2 ** 22) * 1024 + clock;
  const high = Math.floor(us / 2 ** 22);
  return digestFrom(low ^ author, high).subarray(0, DIGEST_PREFIX_BYTES);
}

function creation(collection: string, rkey: string, record: Uint8Array): CommitOp {
  return { action: "create", collection, rkey, cid: null, prev: null, record, fault: null };
}

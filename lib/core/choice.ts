/** Choice: of a batch's events and ops, what is new, what is a repeat, and which op of each path is the last word. */
import type { EventBatch, ReadEvent, ReadOp } from "./batch.ts";
import { Chain, type RepoState, type Verdict } from "./chain.ts";
import type { SubjectRef } from "./collections/collection.ts";
import { collectionOf } from "./collections/registry.ts";
import type { CommitEvent } from "./event.ts";
import { parseTid } from "./tid.ts";

/** Numbers of the names that `readBatch` collected. */
export interface Numbers {
  actor(did: string): number;
  collection(nsid: string): number;
  /** Of a reference in the batch's own records. */
  subject(ref: SubjectRef): number;
}

/** What is stored of an author, as far as a batch needs it. */
export interface AuthorState extends RepoState {
  /** Has misfits, original bytes or dead letters: its paths need a closer look. */
  readonly isOdd: boolean;
}

/** The op that decides what a path holds after the batch. */
export interface ChosenOp {
  readonly event: ReadEvent;
  readonly commit: CommitEvent;
  readonly op: ReadOp;
  readonly actor: number;
  readonly collection: number;
  /** The rkey as TID, where the collection's table wants one and it is one. */
  readonly tid: bigint | null;
  readonly mustCompare: boolean;
  /** Earlier ops on the path may have left a row that has to go first. */
  readonly replaces: boolean;
}

export interface Counts {
  readonly appliedEvents: Record<string, number>;
  repeatedEvents: number;
  readonly appliedOps: Record<string, number>;
  repeatedOps: number;
  brokenChains: number;
}

export interface Choice {
  readonly ops: readonly ChosenOp[];
  /** Ops that become dead letters. */
  readonly dead: readonly ChosenOp[];
  readonly chains: ReadonlyMap<number, Chain>;
  readonly oddActors: ReadonlySet<number>;
  /** #identity, #account and rejected events, in order. */
  readonly others: readonly ReadEvent[];
  readonly counts: Counts;
}

/** Collections with a table of their own and an integer rkey: like, repost, follow, block, post. */
export function isTidKind(collection: number): collection is 1 | 2 | 3 | 4 | 5 {
  return collection >= 1 && collection <= 5;
}

/** Pure: decides from what is stored of the authors. `authors` has the states in the order of `batch.authors`. */
export function choose(batch: EventBatch, numbers: Numbers, authors: readonly AuthorState[]): Choice {
  const chooser = new Chooser(numbers);
  batch.authors.forEach((did, index) => {
    const state = authors[index];
    if (state !== undefined) {
      chooser.follow(numbers.actor(did), state);
    }
  });
  for (const event of batch.events) {
    chooser.take(event);
  }
  return chooser.choice();
}

class Chooser {
  readonly #numbers: Numbers;
  readonly #chains = new Map<number, Chain>();
  readonly #oddActors = new Set<number>();
  readonly #byPath = new Map<string, ChosenOp>();
  readonly #dead: ChosenOp[] = [];
  readonly #others: ReadEvent[] = [];
  readonly #counts: Counts = { appliedEvents: {}, repeatedEvents: 0, appliedOps: {}, repeatedOps: 0, brokenChains: 0 };

  constructor(numbers: Numbers) {
    this.#numbers = numbers;
  }

  follow(actor: number, state: AuthorState): void {
    this.#chains.set(actor, new Chain(state));
    if (state.isOdd) {
      this.#oddActors.add(actor);
    }
  }

  take(read: ReadEvent): void {
    const { event } = read.source;
    if (event.kind === "commit") {
      this.#takeCommit(read, read.source.mode === "arrival" ? this.#dated(event) : event);
      return;
    }
    if (event.kind !== "sync" || read.source.setAside !== null) {
      this.#others.push(read);
      return;
    }
    const verdict = this.#chain(this.#numbers.actor(event.did)).sync(event);
    this.#countEvent(event.kind, verdict);
  }

  choice(): Choice {
    for (const chain of this.#chains.values()) {
      this.#counts.brokenChains += chain.broken;
    }
    return {
      ops: [...this.#byPath.values()],
      dead: this.#dead,
      chains: this.#chains,
      oddActors: this.#oddActors,
      others: this.#others,
      counts: this.#counts,
    };
  }

  /**
   * A commit that does not say its rev gets the one after what is stored: newer than all that came before it, and older than whatever comes
   * with a real rev, since those have a time in them. It continues the run, so that it breaks no chain.
   */
  #dated(commit: CommitEvent): CommitEvent {
    const { rev } = this.#chain(this.#numbers.actor(commit.did));
    return { ...commit, rev: rev + 1n, since: rev };
  }

  #takeCommit(read: ReadEvent, commit: CommitEvent): void {
    const actor = this.#numbers.actor(commit.did);
    const verdict = read.source.mode === "record" ? "by-record" : this.#chain(actor).commit(commit);
    this.#countEvent(commit.kind, verdict);
    if (verdict === "repeat") {
      this.#counts.repeatedOps += read.ops.length;
      return;
    }
    for (const op of read.ops) {
      this.#takeOp(read, commit, op, actor, verdict === "by-record");
    }
  }

  #takeOp(event: ReadEvent, commit: CommitEvent, op: ReadOp, actor: number, mustCompare: boolean): void {
    const { collection: nsid, rkey, action } = op.op;
    const choose = (collection: number, replaces: boolean): ChosenOp => {
      const tid = tidOf(collection, rkey);
      return { event, commit, op, actor, collection, tid, mustCompare, replaces };
    };
    if (op.dead !== null) {
      this.#oddActors.add(actor);
      this.#dead.push(choose(collectionOf(nsid)?.id ?? 0, false));
      return;
    }
    this.#counts.appliedOps[action] = (this.#counts.appliedOps[action] ?? 0) + 1;
    const path = `${actor}/${nsid}/${rkey}`;
    const earlier = this.#byPath.get(path);
    if (earlier !== undefined && earlier.commit.rev > commit.rev) {
      return;
    }
    const collection = collectionOf(nsid)?.id ?? this.#numbers.collection(nsid);
    this.#byPath.set(path, choose(collection, earlier !== undefined || mustCompare || action !== "create"));
  }

  #chain(actor: number): Chain {
    const chain = this.#chains.get(actor);
    if (chain === undefined) {
      throw new RangeError(`no state of actor ${actor} was given`);
    }
    return chain;
  }

  #countEvent(kind: string, verdict: Verdict): void {
    if (verdict === "repeat") {
      this.#counts.repeatedEvents += 1;
    } else {
      this.#counts.appliedEvents[kind] = (this.#counts.appliedEvents[kind] ?? 0) + 1;
    }
  }
}

function tidOf(collection: number, rkey: string): bigint | null {
  return isTidKind(collection) ? (parseTid(rkey) ?? null) : null;
}

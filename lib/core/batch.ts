/** EventBatch: events of several packs that are applied in one transaction, with their records read. */

import type { Row, SubjectRef } from "./collections/collection.ts";
import { collectionOf, type ReadRecord, readRecord } from "./collections/registry.ts";
import type { CommitOp, FirehoseEvent } from "./event.ts";
import { Subjects } from "./subjects.ts";

/** An event with where it came from and how it is to be worked. */
export interface BatchEvent {
  readonly event: FirehoseEvent;
  /** Host of the relay and epoch of its numbering, and the number of the two in the database. */
  readonly relay: string;
  readonly epoch: number;
  readonly relayId: number;
  /**
   * `repo`: by the repo's rev, moving it on (everything that comes from a stream). `record`: op by op against the stored
   * records and tombstones, leaving the repo as it is (retried dead letters, parts of an event); an account's event only
   * where no other relay has spoken since. `arrival`: it does not say its order (entries of writers that carry no rev), so it counts as
   * newer than everything that is stored; its reader has left out repeats.
   */
  readonly mode: "repo" | "record" | "arrival";
  /** What is not to be applied but kept as dead letters: the whole event, or some ops by their place in it. */
  readonly setAside: SetAside | null;
}

export interface SetAside {
  readonly reason: string;
  readonly detail: string;
  readonly ops: "all" | ReadonlySet<number>;
}

/** An op with its record read. */
export interface ReadOp {
  readonly op: CommitOp;
  /** Null for deletes and for what is dead. */
  readonly read: ReadRecord | null;
  /** Why it becomes a dead letter; null for what is to be applied. */
  readonly dead: { readonly reason: string; readonly detail: string } | null;
}

export interface ReadEvent {
  readonly source: BatchEvent;
  /** Empty for everything but commits. */
  readonly ops: readonly ReadOp[];
}

export interface EventBatch {
  readonly events: readonly ReadEvent[];
  /** Every account and collection that the batch names, each once: what needs a number. */
  readonly dids: readonly string[];
  readonly nsids: readonly string[];
  /** What its likes, reposts and posts point at: the same. */
  readonly subjects: Subjects;
  /** Accounts whose repo the batch touches. */
  readonly authors: readonly string[];
  /** Accounts with an #identity or #account event. */
  readonly announced: readonly string[];
}

/** Reads all records and collects the names. */
export function readBatch(sources: readonly BatchEvent[]): EventBatch {
  const names = {
    dids: new Set<string>(),
    nsids: new Set<string>(),
    authors: new Set<string>(),
    announced: new Set<string>(),
    subjects: new Subjects(),
  };
  const events: ReadEvent[] = [];
  for (const source of sources) {
    const { event } = source;
    events.push({ source, ops: event.kind === "commit" ? readOps(source, event.ops, names) : [] });
    if (event.kind === "rejected") {
      continue;
    }
    names.dids.add(event.did);
    (event.kind === "commit" || event.kind === "sync" ? names.authors : names.announced).add(event.did);
  }
  const { dids, nsids, authors, announced, subjects } = names;
  return { events, dids: [...dids], nsids: [...nsids], subjects, authors: [...authors], announced: [...announced] };
}

interface Names {
  readonly dids: Set<string>;
  readonly nsids: Set<string>;
  readonly subjects: Subjects;
}

function readOps(source: BatchEvent, ops: readonly CommitOp[], names: Names): ReadOp[] {
  return ops.map((op, index) => {
    const dead = op.fault ?? setAsideOf(source.setAside, index);
    if (dead !== null) {
      return { op, read: null, dead };
    }
    if (collectionOf(op.collection) === undefined) {
      names.nsids.add(op.collection);
    }
    if (op.record === null) {
      return { op, read: null, dead: null };
    }
    const read = readRecord(op.collection, op.rkey, op.record);
    addNames(read.row, names);
    return { op, read, dead: null };
  });
}

function setAsideOf(setAside: SetAside | null, index: number): SetAside | null {
  return setAside !== null && (setAside.ops === "all" || setAside.ops.has(index)) ? setAside : null;
}

function addNames(row: Row, names: Names): void {
  switch (row.shape) {
    case "record-edge":
      addRef(row.subject, names);
      addRef(row.via, names);
      break;
    case "actor-edge":
      names.dids.add(row.subjectDid);
      addRef(row.via, names);
      break;
    case "post":
      addRef(row.root, names);
      addRef(row.parent, names);
      addRef(row.quote, names);
      break;
    case "document":
    case "misfit":
      break;
  }
}

function addRef(ref: SubjectRef | null, names: Names): void {
  if (ref === null) {
    return;
  }
  names.subjects.add(ref);
  names.dids.add(ref.did);
  if (collectionOf(ref.collection) === undefined) {
    names.nsids.add(ref.collection);
  }
}

/** Decisions of the load in, the rows that consume() would make of them out, by table, each in a COPY file of its own. */
import { readRecord } from "../../../../lib/core/collections/registry.ts";
import { type Decision, type Decisions, type Edge, POST, revBefore, type Tid } from "../cheap/decisions.ts";
import { AUTHORS } from "../cheap/population.ts";
import { Rendering, timeMsOf, treeAt } from "../cheap/rendering.ts";
import { LANES } from "../packs.ts";
import { CopyRows } from "./copy-rows.ts";
import { KnownNames } from "./known-names.ts";
import { Tally } from "./tally.ts";

/** The files' columns. Those whose name ends in `_in` are of the session's temporary tables (bulk-fill.ts). */
export const FILES = {
  like: "rkey, rev, created, actor, subject, tick, via, cid",
  repost: "rkey, rev, created, actor, subject, tick, via, cid",
  follow: "rkey, rev, created, actor, subject, tick, via, cid",
  post: "rkey, rev, created, actor, tick, root, parent, quote, cid, value",
  actor: "id, did",
  account: "actor, tick",
  subject_in: "id, actor, collection, rkey, cid",
  repo_in: "rev, contiguous_from, actor, tree",
  subject_count_in: "subject, likes, reposts, replies, quotes",
  actor_count_in: "actor, followers, follows, posts",
} as const;
export type FileName = keyof typeof FILES;

const FIELDS = new Map(Object.entries(FILES).map(([name, columns]) => [name, columns.split(",").length]));
/** Places in the two tables of counters. */
const OF_SUBJECT = { likes: 0, reposts: 1, replies: 2, quotes: 3 } as const;
const OF_ACTOR = { followers: 0, follows: 1, posts: 2 } as const;
/** The lowest bits of a `created`: the code of a text with three digits and Z (lib/core/created-at.ts), which is 0. */
const CREATED_SHIFT = 4;
const CLOCK_SHIFT = 10;

/** Of a lane, since this began. */
export interface LaneEnd {
  records: number;
  /** Of the last event; null where none came. */
  seq: number | null;
  timeMs: number;
}

export class LoadRows {
  readonly files: ReadonlyMap<FileName, CopyRows>;
  readonly names: KnownNames;
  readonly #decisions: Decisions;
  readonly #rendering: Rendering;
  readonly #subjects = new Tally(4);
  readonly #people = new Tally(3);
  /** Whether a commit of that author has been written, and those who have written since the last `end`. */
  readonly #isKnown = new Uint8Array(AUTHORS);
  readonly #hasWritten = new Uint8Array(AUTHORS);
  #writers: number[] = [];
  #lanes = newLanes();
  #tick = 0;

  constructor(decisions: Decisions) {
    this.#decisions = decisions;
    this.#rendering = new Rendering(decisions);
    this.files = new Map((Object.keys(FILES) as FileName[]).map((name) => [name, new CopyRows()]));
    this.names = new KnownNames(decisions, {
      actor: (id, did) => void this.#row("actor").int4(id).text(did),
      subject: (id, { actor, collection, rkey, digest }) =>
        void this.#row("subject_in").int4(id).int4(actor).int4(collection).text(rkey).bytes(digest),
    });
  }

  /** Of what is written from now on. */
  set tick(tick: number) {
    this.#tick = tick;
  }

  add({ seq, rev, action }: Decision): void {
    const { author } = action;
    const actor = this.names.actor(author);
    switch (action.kind) {
      case "post":
        this.#post(actor, rev, action.post);
        break;
      case "follow":
        this.#follow(actor, rev, action);
        break;
      case "like":
      case "repost":
        this.#recordEdge(actor, rev, action);
        break;
      case "delete":
        throw new RangeError("a delete cannot be loaded as a row: it has to go through consume()");
    }
    this.#wrote(author, actor);
    const lane = this.#lanes[this.names.lane(author)];
    if (lane === undefined) throw new RangeError(`no lane for author ${author}`);
    lane.records += 1;
    lane.seq = seq;
    lane.timeMs = timeMsOf(rev);
  }

  /** Somebody else has written this one: its names have numbers by now, and its author a repo. */
  note({ action }: Decision): void {
    const { names } = this;
    names.notePerson(action.author);
    this.#isKnown[action.author] = 1;
    if (action.kind === "follow") names.notePerson(action.person);
    if (action.kind === "like" || action.kind === "repost") names.notePost(action.post);
    if (action.kind === "like" && action.via !== null) names.noteRepost(action.via);
    if (action.kind !== "post") return;
    for (const post of Object.values(this.#decisions.posts.references(action.post))) {
      if (post !== null) names.notePost(post);
    }
  }

  /** One row for each repo and counter that has changed; the files are then whole. */
  end(): void {
    for (const author of this.#writers) {
      const rev = this.#decisions.revOf(author);
      const row = tid(tid(this.#row("repo_in"), rev), revBefore(author));
      row.int4(this.names.actor(author)).bytes(treeAt(author, rev));
      this.#hasWritten[author] = 0;
    }
    this.#writers = [];
    this.#subjects.take((id, counts) => putCounts(this.#row("subject_count_in"), id, counts));
    this.#people.take((id, counts) => putCounts(this.#row("actor_count_in"), id, counts));
  }

  /** What each lane has got, and begins anew. */
  takeLanes(): readonly LaneEnd[] {
    const lanes = this.#lanes;
    this.#lanes = newLanes();
    return lanes;
  }

  #recordEdge(actor: number, rev: Tid, { kind, key, createdMs, post, via }: Edge): void {
    const subject = this.names.post(post);
    const row = created(tid(tid(this.#row(kind), key), rev), createdMs)
      .int4(actor)
      .int4(subject)
      .int4(this.#tick);
    // The columns say the whole record: its CID is computed from them.
    (via === null ? row.null() : row.int4(this.names.repost(via))).null();
    this.#subjects.add(subject, kind === "like" ? OF_SUBJECT.likes : OF_SUBJECT.reposts);
  }

  #follow(actor: number, rev: Tid, { key, createdMs, person }: Edge): void {
    const followed = this.names.actor(person);
    const row = created(tid(tid(this.#row("follow"), key), rev), createdMs)
      .int4(actor)
      .int4(followed);
    row.int4(this.#tick).null().null();
    this.#people.add(followed, OF_ACTOR.followers);
    this.#people.add(actor, OF_ACTOR.follows);
  }

  #post(actor: number, rev: Tid, post: number): void {
    const { posts } = this.#decisions;
    const { record, digest } = this.#rendering.post(post);
    const { row: read, json } = readRecord(POST, posts.rkey(post), record);
    if (read.shape !== "post" || read.created === null || json?.exact !== true) throw new Error("an odd post");
    const { root, parent, quote } = posts.references(post);
    const ids = [root, parent, quote].map((one) => (one === null ? null : this.names.post(one)));
    const row = tid(tid(this.#row("post"), posts.key(post)), rev);
    row.int8(Number(read.created >> BigInt(CREATED_SHIFT)), CREATED_SHIFT, Number(read.created & 15n));
    row.int4(actor).int4(this.#tick);
    for (const id of ids) {
      if (id === null) row.null();
      else row.int4(id);
    }
    row.bytes(digest).jsonb(json.json);
    if (ids[1]) this.#subjects.add(ids[1], OF_SUBJECT.replies);
    if (ids[2]) this.#subjects.add(ids[2], OF_SUBJECT.quotes);
    this.#people.add(actor, OF_ACTOR.posts);
  }

  #wrote(author: number, actor: number): void {
    if (this.#hasWritten[author] === 0) {
      this.#hasWritten[author] = 1;
      this.#writers.push(author);
    }
    if (this.#isKnown[author] === 1) return;
    this.#isKnown[author] = 1;
    this.#row("account").int4(actor).int4(this.#tick);
  }

  #row(name: FileName): CopyRows {
    const file = this.files.get(name);
    if (file === undefined) throw new RangeError(`no file ${name}`);
    return file.row(FIELDS.get(name) ?? 0);
  }
}

function tid(row: CopyRows, { us, clock }: Tid): CopyRows {
  return row.int8(us, CLOCK_SHIFT, clock);
}

/** As packCreatedAt makes it of `createdAt`, which the load's edges have in milliseconds. */
function created(row: CopyRows, createdMs: number): CopyRows {
  return row.int8(createdMs * 1000, CREATED_SHIFT);
}

function putCounts(row: CopyRows, id: number, counts: Int32Array): void {
  row.int4(id);
  for (const count of counts) row.int4(count);
}

function newLanes(): readonly LaneEnd[] {
  return Array.from({ length: LANES }, () => ({ records: 0, seq: null, timeMs: 0 }));
}

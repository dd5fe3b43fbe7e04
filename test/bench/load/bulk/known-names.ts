/**
 * Which numbers the database has given to the load's accounts and subjects. The filler gives them out itself; those that a stretch through
 * consume() gave are asked for afterwards, by the functions that consume() asks.
 */

import { laneOf } from "../../../../lib/core/lane.ts";
import type { Client } from "../../../support/postgres-client.ts";
import { didOf, PEOPLE } from "../cheap/population.ts";
import type { Posts } from "../cheap/posts.ts";
import { type Reposts } from "../cheap/reposts.ts";
import { LANES } from "../packs.ts";
import { NumberMap } from "./number-map.ts";

/** Fixed by the migrations. */
const COLLECTIONS = { post: 5, repost: 2 } as const;
const ASK_AT_A_TIME = 5_000;

export interface NewNames {
  actor(id: number, did: string): void;
  subject(id: number, subject: Subject): void;
}

/** As a row of `standpipe.subject` says it. */
export interface Subject {
  readonly actor: number;
  readonly collection: number;
  readonly rkey: string;
  readonly digest: Uint8Array;
}

export class KnownNames {
  readonly #posts: Posts;
  readonly #reposts: Reposts;
  readonly #into: NewNames;
  readonly #actors = new Int32Array(PEOPLE);
  readonly #lanes = new Uint8Array(PEOPLE);
  /** By 2 × post, or 2 × repost + 1. */
  readonly #subjects = new NumberMap();
  readonly #unknown = { people: new Set<number>(), subjects: new Set<number>() };
  lastActor = 0;
  lastSubject = 0;

  /** `into` is told of every number given out. */
  constructor({ posts, reposts }: { readonly posts: Posts; readonly reposts: Reposts }, into: NewNames) {
    this.#posts = posts;
    this.#reposts = reposts;
    this.#into = into;
  }

  actor(person: number): number {
    const known = this.#actors[person] ?? 0;
    if (known !== 0) return known;
    const did = didOf(person);
    this.lastActor += 1;
    this.#learnActor(person, this.lastActor, did);
    this.#into.actor(this.lastActor, did);
    return this.lastActor;
  }

  /** Of somebody who has a number. */
  lane(person: number): number {
    return this.#lanes[person] ?? 0;
  }

  post(post: number): number {
    return this.#subject(2 * post);
  }

  repost(repost: number): number {
    return this.#subject(2 * repost + 1);
  }

  /** Somebody else has written about them: what has no number yet has one now. */
  notePerson(person: number): void {
    if (this.#actors[person] === 0) this.#unknown.people.add(person);
  }

  notePost(post: number): void {
    this.#note(2 * post);
  }

  noteRepost(repost: number): void {
    this.#note(2 * repost + 1);
  }

  /** The numbers of all that was noted. */
  async learn(client: Client): Promise<void> {
    for (const people of chunksOf(this.#unknown.people)) {
      const dids = people.map(didOf);
      const { rows } = await client.query<{ actors: number[] }>("SELECT actors FROM standpipe.resolve($1, '{}')", [
        dids,
      ]);
      people.forEach((person, index) => {
        this.#learnActor(person, rows[0]?.actors[index] ?? 0, dids[index] ?? "");
      });
    }
    for (const keys of chunksOf(this.#unknown.subjects)) await this.#learnSubjects(client, keys);
    this.#unknown.people.clear();
    this.#unknown.subjects.clear();
    this.lastActor = await lastNumber(client, "actor");
    this.lastSubject = await lastNumber(client, "subject");
  }

  async #learnSubjects(client: Client, keys: readonly number[]): Promise<void> {
    const subjects = keys.map((key) => this.#describe(key));
    const { rows } = await client.query<{ ids: number[] }>(
      "SELECT standpipe.resolve_subjects($1::int4[], $2::int4[], $3::text[], $4::bytea[]) AS ids",
      [
        subjects.map(({ actor }) => actor),
        subjects.map(({ collection }) => collection),
        subjects.map(({ rkey }) => rkey),
        subjects.map(({ digest }) => Buffer.from(digest)),
      ],
    );
    keys.forEach((key, index) => {
      this.#subjects.set(key, rows[0]?.ids[index] ?? 0);
    });
  }

  #learnActor(person: number, id: number, did: string): void {
    this.#actors[person] = id;
    this.#lanes[person] = laneOf(did, LANES);
  }

  #note(key: number): void {
    if (this.#subjects.get(key) !== 0) return;
    this.#unknown.subjects.add(key);
    this.notePerson(this.#authorOf(key));
  }

  #subject(key: number): number {
    const known = this.#subjects.get(key);
    if (known !== 0) return known;
    const subject = this.#describe(key);
    this.lastSubject += 1;
    this.#subjects.set(key, this.lastSubject);
    this.#into.subject(this.lastSubject, subject);
    return this.lastSubject;
  }

  #authorOf(key: number): number {
    return key % 2 === 0 ? this.#posts.author(key / 2) : this.#reposts.author((key - 1) / 2);
  }

  /** The digest is valid until the next one. */
  #describe(key: number): Subject {
    const actor = this.actor(this.#authorOf(key));
    if (key % 2 === 0) {
      const digest = this.#posts.digest(key / 2);
      return { actor, collection: COLLECTIONS.post, rkey: this.#posts.rkey(key / 2), digest: Uint8Array.from(digest) };
    }
    const repost = (key - 1) / 2;
    return {
      actor,
      collection: COLLECTIONS.repost,
      rkey: this.#reposts.rkey(repost),
      digest: this.#reposts.digest(repost),
    };
  }
}

async function lastNumber(client: Client, dictionary: "actor" | "subject"): Promise<number> {
  const { rows } = await client.query<{ last: number }>(
    `SELECT coalesce(max(id), 0) AS last FROM standpipe.${dictionary}`,
  );
  return rows[0]?.last ?? 0;
}

function chunksOf(numbers: ReadonlySet<number>): readonly (readonly number[])[] {
  const all = [...numbers];
  return Array.from({ length: Math.ceil(all.length / ASK_AT_A_TIME) }, (_, index) =>
    all.slice(index * ASK_AT_A_TIME, (index + 1) * ASK_AT_A_TIME),
  );
}

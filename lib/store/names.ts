/** Numbers of DIDs, NSIDs, subjects and relays; those of the first two and the last are remembered, within a bound. */
import type { Pool } from "pg";
import type { SubjectRef } from "../core/collections/collection.ts";
import { collectionOf } from "../core/collections/registry.ts";
import { parseTid } from "../core/tid.ts";
import { int4Array, int8Array, readArray, textArray, uuidArray } from "./arrays.ts";
import type { Names, ResolvedNames } from "./port.ts";
import type { Queries } from "./queries-port.ts";
import { RAW_RESULT } from "./raw-result.ts";

/** About 100 bytes an entry: 10 MB. */
const MAX_REMEMBERED = 100_000;
/** Longer ones, a few in a million, are asked for each time: a flood of them must not fill the memory. */
const MAX_REMEMBERED_CHARS = 128;

interface Row {
  readonly actors: string | null;
  readonly collections: string | null;
  readonly subjects: string | null;
}

/** Names of one batch: their numbers are durable before they are given. */
export interface NamesOnConnection {
  resolve(names: Names): Promise<ResolvedNames>;
}

export class NameDictionary {
  #actors = new Map<string, number>();
  #collections = new Map<string, number>();
  #relays = new Map<string, number>();

  /** A server that went away may come back with an older state: what was remembered is asked for again. */
  forget(): void {
    this.#actors = new Map();
    this.#collections = new Map();
    this.#relays = new Map();
  }

  on(queries: Queries): NamesOnConnection {
    const [actorMemory, collectionMemory] = [this.#actors, this.#collections];
    return {
      resolve: async (names) => {
        const actors = new Map<string, number>();
        const collections = new Map<string, number>();
        const dids = take(names.dids, actorMemory, actors);
        const nsids = take(names.nsids, collectionMemory, collections);
        const { distinct } = names.subjects;
        if (dids.length === 0 && nsids.length === 0 && distinct.length === 0) {
          return { actors, collections, subjects: [] };
        }
        const subjects = subjectArguments(distinct, placed(dids, actors), placed(nsids, collections));
        const row = await ask(queries, [textArray(dids), textArray(nsids), ...subjects]);
        put(dids, row?.actors, actors, actorMemory);
        put(nsids, row?.collections, collections, collectionMemory);
        return { actors, collections, subjects: numbersFor(distinct, row?.subjects) };
      },
    };
  }

  async relayId(pool: Pool, host: string, epoch: number): Promise<number> {
    const key = `${epoch} ${host}`;
    const known = this.#relays.get(key);
    if (known !== undefined) {
      return known;
    }
    await pool.query(
      `INSERT INTO standpipe.relay (host, epoch) SELECT $1, $2
       WHERE NOT EXISTS (SELECT 1 FROM standpipe.relay WHERE host = $1 AND epoch = $2) ON CONFLICT DO NOTHING`,
      [host, epoch],
    );
    const { rows } = await pool.query<{ id: number }>("SELECT id FROM standpipe.relay WHERE host = $1 AND epoch = $2", [
      host,
      epoch,
    ]);
    const id = rows[0]?.id;
    if (id === undefined) {
      throw new Error(`relay ${host} got no number`);
    }
    this.#relays.set(key, id);
    return id;
  }
}

async function ask(queries: Queries, values: readonly Buffer[]): Promise<Row | undefined> {
  const { rows } = await queries.query<Row & Record<string, unknown>>({
    text: `SELECT actors, collections, subjects
           FROM standpipe.resolve($1::text[], $2::text[], $3::int4[], $4::int4[], $5::int8[], $6::text[], $7::uuid[], $8::uuid[])`,
    values: [...values],
    ...RAW_RESULT,
  });
  return rows[0];
}

/** The number of a name that has one; of one that is asked for in the same call its place there, from 1, below zero. */
function placed(unknown: readonly string[], known: ReadonlyMap<string, number>): (name: string) => number {
  const places = new Map(unknown.map((name, index) => [name, -1 - index]));
  return (name) => {
    const number = known.get(name) ?? places.get(name);
    if (number === undefined) throw new RangeError(`${name} is not among the names of its batch`);
    return number;
  };
}

/** An rkey goes as a TID where it is one, and only elsewhere as text. */
function subjectArguments(
  subjects: readonly SubjectRef[],
  actor: (did: string) => number,
  collection: (nsid: string) => number,
): Buffer[] {
  const tids = subjects.map(({ rkey }) => parseTid(rkey) ?? null);
  return [
    int4Array(subjects.map(({ did }) => actor(did))),
    int4Array(subjects.map((subject) => collectionOf(subject.collection)?.id ?? collection(subject.collection))),
    int8Array(tids),
    textArray(subjects.map(({ rkey }, index) => (tids[index] === null ? rkey : null))),
    uuidArray(subjects.map(({ cid }) => cid.subarray(0, 16))),
    uuidArray(subjects.map(({ cid }) => cid.subarray(16))),
  ];
}

/** Known ones into `into`; returns the others. */
function take(names: readonly string[], memory: ReadonlyMap<string, number>, into: Map<string, number>): string[] {
  const unknown: string[] = [];
  for (const name of names) {
    const id = memory.get(name);
    if (id === undefined) {
      unknown.push(name);
    } else {
      into.set(name, id);
    }
  }
  return unknown;
}

/** The numbers of `names` into `into`, and into the memory. Full is empty: simpler than an order of use, and as good where most names of a minute come again in the next. */
function put(
  names: readonly string[],
  ids: string | null | undefined,
  into: Map<string, number>,
  memory: Map<string, number>,
): void {
  const numbers = numbersFor(names, ids);
  if (memory.size + names.length > MAX_REMEMBERED) {
    memory.clear();
  }
  names.forEach((name, index) => {
    const id = numbers[index] as number;
    into.set(name, id);
    if (name.length <= MAX_REMEMBERED_CHARS) memory.set(name, id);
  });
}

function numbersFor(asked: readonly unknown[], ids: string | null | undefined): number[] {
  const elements = readArray(ids);
  if (elements.length !== asked.length) {
    throw new RangeError(`${elements.length} numbers came for ${asked.length} names`);
  }
  return elements.map(Number);
}

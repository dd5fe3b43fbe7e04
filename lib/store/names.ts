/** Numbers of DIDs, NSIDs and relays, remembered within a bound. */
import type { Pool } from "pg";
import { readArray, textArray } from "./arrays.ts";
import type { ResolvedNames } from "./port.ts";
import type { Queries } from "./queries-port.ts";
import { RAW_RESULT } from "./raw-result.ts";

/** About 100 bytes an entry: 10 MB. */
const MAX_REMEMBERED = 100_000;
/** Longer ones, a few in a million, are asked for each time: a flood of them must not fill the memory. */
const MAX_REMEMBERED_CHARS = 128;

interface Row {
  readonly actors: string | null;
  readonly collections: string | null;
}

/** Names of one batch: their numbers are durable before they are given. */
export interface NamesOnConnection {
  resolve(names: { readonly dids: readonly string[]; readonly nsids: readonly string[] }): Promise<ResolvedNames>;
}

export class Names {
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
        if (dids.length > 0 || nsids.length > 0) {
          const row = await ask(queries, dids, nsids);
          put(dids, row?.actors, actors, actorMemory);
          put(nsids, row?.collections, collections, collectionMemory);
        }
        return { actors, collections };
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

async function ask(queries: Queries, dids: readonly string[], nsids: readonly string[]): Promise<Row | undefined> {
  const { rows } = await queries.query<Row & Record<string, unknown>>({
    text: "SELECT actors, collections FROM standpipe.resolve($1::text[], $2::text[])",
    values: [textArray(dids), textArray(nsids)],
    ...RAW_RESULT,
  });
  return rows[0];
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
  const elements = readArray(ids);
  if (elements.length !== names.length) {
    throw new RangeError(`${elements.length} numbers came for ${names.length} names`);
  }
  if (memory.size + names.length > MAX_REMEMBERED) {
    memory.clear();
  }
  names.forEach((name, index) => {
    const id = Number(elements[index]);
    into.set(name, id);
    if (name.length <= MAX_REMEMBERED_CHARS) memory.set(name, id);
  });
}

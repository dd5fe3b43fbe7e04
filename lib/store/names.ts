/** Numbers of DIDs, NSIDs and relays, remembered within a bound. */
import type { Pool } from "pg";
import { readArray, textArray } from "./arrays.ts";
import type { ResolvedNames } from "./port.ts";
import { RAW_RESULT } from "./raw-result.ts";

/** About 100 bytes an entry: 10 MB. */
const MAX_REMEMBERED = 100_000;

interface Row {
  readonly actors: string | null;
  readonly collections: string | null;
}

export class Names {
  readonly #pool: Pool;
  #actors = new Map<string, number>();
  #collections = new Map<string, number>();
  #relays = new Map<string, number>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** A server that went away may come back with an older state: what was remembered is asked for again. */
  forget(): void {
    this.#actors = new Map();
    this.#collections = new Map();
    this.#relays = new Map();
  }

  async resolve(names: {
    readonly dids: readonly string[];
    readonly nsids: readonly string[];
  }): Promise<ResolvedNames> {
    const actors = new Map<string, number>();
    const collections = new Map<string, number>();
    const newDids = take(names.dids, this.#actors, actors);
    const newNsids = take(names.nsids, this.#collections, collections);
    if (newDids.length > 0 || newNsids.length > 0) {
      const [actorMemory, collectionMemory] = [this.#actors, this.#collections];
      const { rows } = await this.#pool.query<Row>({
        text: "SELECT actors, collections FROM standpipe.resolve($1::text[], $2::text[])",
        values: [textArray(newDids), textArray(newNsids)],
        ...RAW_RESULT,
      });
      put(newDids, rows[0]?.actors ?? null, actors, actorMemory);
      put(newNsids, rows[0]?.collections ?? null, collections, collectionMemory);
    }
    return { actors, collections };
  }

  async relayId(host: string, epoch: number): Promise<number> {
    const key = `${epoch} ${host}`;
    const known = this.#relays.get(key);
    if (known !== undefined) {
      return known;
    }
    await this.#pool.query(
      `INSERT INTO standpipe.relay (host, epoch) SELECT $1, $2
       WHERE NOT EXISTS (SELECT 1 FROM standpipe.relay WHERE host = $1 AND epoch = $2) ON CONFLICT DO NOTHING`,
      [host, epoch],
    );
    const { rows } = await this.#pool.query<{ id: number }>(
      "SELECT id FROM standpipe.relay WHERE host = $1 AND epoch = $2",
      [host, epoch],
    );
    const id = rows[0]?.id;
    if (id === undefined) {
      throw new Error(`relay ${host} got no number`);
    }
    this.#relays.set(key, id);
    return id;
  }
}

/** Known ones into `into`; returns the others. */
function take(names: readonly string[], memory: Map<string, number>, into: Map<string, number>): string[] {
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

function put(
  names: readonly string[],
  ids: string | null,
  into: Map<string, number>,
  memory: Map<string, number>,
): void {
  if (memory.size + names.length > MAX_REMEMBERED) {
    memory.clear();
  }
  readArray(ids).forEach((element, index) => {
    const [name, id] = [names[index], Number(element)];
    if (name !== undefined) {
      into.set(name, id);
      memory.set(name, id);
    }
  });
}

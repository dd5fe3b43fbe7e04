/**
 * The load into a database for a third of the CPU time that consume() takes: as rows that the server reads from binary COPY files, in the load's
 * order and into the tables with all their indexes, so that pages fill and split as they would have. What every batch of consume()
 * changes in place (repos, counters, lanes) changes once for each half million events.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { tickOf } from "../../../../lib/core/tick.ts";
import type { ServerSettings } from "../../../../lib/store/embedded/settings.ts";
import { Client, escapeLiteral } from "../../../support/postgres-client.ts";
import { EPOCH, FENCE, LANES, type PackLoad, RELAY } from "../packs.ts";
import { FILES, type FileName, LoadRows } from "./load-rows.ts";

/** Events: the files of one take 50 MB. */
const CHUNK = 500_000;

/** What has no rows of its own yet, or changes rows that are there. `version` is a hash that only the database knows. */
const TEMPORARY = `
  CREATE TEMP TABLE subject_in (id int4, actor int4, collection int4, tid int8, cid_1 uuid, cid_2 uuid);
  CREATE TEMP TABLE repo_in (rev int8, contiguous_from int8, actor int4, tree bytea);
  CREATE TEMP TABLE subject_count_in (subject int4, likes int4, reposts int4, replies int4, quotes int4);
  CREATE TEMP TABLE actor_count_in (actor int4, followers int4, follows int4, posts int4);
  SET work_mem = '64MB'`;
const MERGE = `
  INSERT INTO standpipe.subject (tid, id, actor, collection, version, cid_1, cid_2)
  SELECT tid, id, actor, collection, standpipe.subject_version(cid_1, cid_2, collection, NULL), cid_1, cid_2 FROM subject_in ORDER BY id;
  INSERT INTO standpipe.repo AS r (rev, contiguous_from, actor, tree)
  SELECT rev, contiguous_from, actor, tree FROM repo_in ORDER BY actor
  ON CONFLICT (actor) DO UPDATE SET rev = excluded.rev, tree = excluded.tree;
  INSERT INTO standpipe.subject_count AS c (subject, likes, reposts, replies, quotes)
  SELECT * FROM subject_count_in ORDER BY subject
  ON CONFLICT (subject) DO UPDATE SET likes = c.likes + excluded.likes, reposts = c.reposts + excluded.reposts,
    replies = c.replies + excluded.replies, quotes = c.quotes + excluded.quotes;
  INSERT INTO standpipe.actor_count AS c (actor, followers, follows, posts)
  SELECT * FROM actor_count_in ORDER BY actor
  ON CONFLICT (actor) DO UPDATE SET followers = c.followers + excluded.followers, follows = c.follows + excluded.follows,
    posts = c.posts + excluded.posts;
  TRUNCATE subject_in, repo_in, subject_count_in, actor_count_in`;

/** Of the server meanwhile: nothing has to survive, and pages need not be read and written again and again. What is in them is the same. */
export const FILLING: ServerSettings = {
  shared_buffers: "1GB",
  fsync: false,
  full_page_writes: false,
  synchronous_commit: "off",
  autovacuum: false,
  max_wal_size: "4GB",
  checkpoint_timeout: "1h",
};

/** Side by side: likes have most rows and the largest indexes, the others together about as much work. */
const SESSIONS: readonly (readonly FileName[])[] = [
  ["like", "repost"],
  ["actor", "account", "subject_in", "repo_in", "follow", "post", "subject_count_in", "actor_count_in"],
];

export interface BulkFillOptions {
  readonly load: PackLoad;
  /** Asked for its address each time. */
  readonly database: { readonly connectionString: string };
  /** Where the files lie for a moment: the server reads them there, as its own user. */
  readonly folder: string;
  /** Events at a time. */
  readonly chunk?: number;
}

export class BulkFill {
  readonly #load: PackLoad;
  readonly #rows: LoadRows;
  readonly #folder: string;
  readonly #chunk: number;
  readonly #database: BulkFillOptions["database"];

  /** From now on told of whatever the load gives as events. To be made before the load has made any. */
  constructor({ load, database, folder, chunk = CHUNK }: BulkFillOptions) {
    if (load.seq > 0) throw new RangeError("a part of the load that nobody has noted is gone");
    this.#load = load;
    this.#rows = new LoadRows(load.decisions);
    this.#folder = folder;
    this.#chunk = chunk;
    this.#database = database;
    load.onEvent = (decision) => this.#rows.note(decision);
  }

  /** So many more events of the load. Before, all that the load gave as events has to be in the database. */
  async fill(events: number): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    const clients = SESSIONS.map(() => new Client({ connectionString: this.#database.connectionString }));
    try {
      for (const client of clients) await client.connect();
      const [likes, others] = clients;
      if (likes === undefined || others === undefined) throw new RangeError("a session is missing");
      await others.query(TEMPORARY);
      await this.#rows.names.learn(others);
      await this.#pass(events, clients);
      await this.#finish(others);
    } finally {
      for (const client of clients) await client.end();
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  /** The server loads one chunk while the next is made. */
  async #pass(events: number, clients: readonly Client[]): Promise<void> {
    let loading: Promise<unknown> = Promise.resolve();
    for (let left = events; left > 0; left -= this.#chunk) {
      this.#rows.tick = tickOf(Date.now());
      const end = this.#load.seq + Math.min(left, this.#chunk);
      while (this.#load.seq < end) this.#rows.add(this.#load.decisions.next());
      this.#rows.end();
      await loading;
      const texts = SESSIONS.map((names) => this.#save(names));
      loading = Promise.all(clients.map((client, index) => client.query(texts[index] ?? "")));
      // What fails is told by whoever awaits it, a chunk later.
      loading.catch(() => undefined);
      // Out of this process before the next chunk is made, which takes seconds.
      await nextTurn();
    }
    await loading;
  }

  /** As one text: a session goes on by itself, and a chunk is a transaction. */
  #save(names: readonly FileName[]): string {
    const copies = names.flatMap((name) => {
      const file = this.#rows.files.get(name);
      const path = join(this.#folder, `${name}.copy`);
      file?.save(path);
      const table = name.endsWith("_in") ? name : `standpipe."${name}"`;
      return [`COPY ${table} (${FILES[name]}) FROM ${escapeLiteral(path)} (FORMAT binary)`];
    });
    return [...copies, ...(names.includes("subject_in") ? [MERGE] : [])].join(";\n");
  }

  async #finish(client: Client): Promise<void> {
    const { lastActor, lastSubject } = this.#rows.names;
    await client.query(
      `SELECT setval(pg_get_serial_sequence('standpipe.actor', 'id'), ${lastActor}),
              setval(pg_get_serial_sequence('standpipe.subject', 'id'), ${lastSubject})`,
    );
    await client.query("INSERT INTO standpipe.relay (host, epoch) VALUES ($1, $2) ON CONFLICT DO NOTHING", [
      RELAY,
      EPOCH,
    ]);
    const numbers = this.#load.packNumbers;
    for (const [lane, { records, seq, timeMs }] of this.#rows.takeLanes().entries()) {
      if (seq === null) continue;
      await client.query(
        `INSERT INTO standpipe.lane AS t (lane, lanes, relay, fence, number, seq, records, event_time, applied_at)
         SELECT $1, $2, r.id, $3, $4, $5, $6, to_timestamp($7::int8 / 1000.0), now() FROM standpipe.relay AS r WHERE r.host = $8 AND r.epoch = $9
         ON CONFLICT (lane) DO UPDATE SET seq = excluded.seq, records = t.records + excluded.records,
           event_time = excluded.event_time, applied_at = excluded.applied_at`,
        [lane, LANES, FENCE, numbers[lane] ?? 0, seq, records, timeMs, RELAY, EPOCH],
      );
    }
  }
}

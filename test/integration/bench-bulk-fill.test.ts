/**
 * The bench fills large databases without consume() (test/bench/load/bulk). What it leaves has to be what consume() leaves of the same
 * load, also where the two take turns: else growth would be measured in a database that never is.
 */
import { join } from "node:path";
import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cidText, digestOf } from "../../lib/core/cid.ts";
import type { CommitEvent } from "../../lib/core/event.ts";
import { readPack } from "../../lib/core/pack.ts";
import { checkCounters } from "../../lib/store/check-counters.ts";
import { BulkFill } from "../bench/load/bulk/bulk-fill.ts";
import { createConsumer } from "../bench/load/drain.ts";
import { PackLoad } from "../bench/load/packs.ts";
import { scratchFolder } from "../bench/processes.ts";
import { createTestDatabase } from "../support/database.ts";

const MIX = { like: 20, post: 2, repost: 2, follow: 2 };
const STAGE = 4000;
/** Filled, then a stretch through consume(), and once more: what consume() added has to be known to the next filling. */
const STAGES = ["bulk", "consume", "bulk", "consume"] as const;
/** So that a stage takes several. */
const CHUNK = 1500;

const DID = (column: string): string => `(SELECT a.did FROM standpipe.actor AS a WHERE a.id = ${column})`;
const SUBJECT = (column: string): string =>
  `(SELECT concat_ws('/', ${DID("s.actor")}, s.collection, s.tid, s.key, s.cid_1, s.cid_2) FROM standpipe.subject AS s WHERE s.id = ${column})`;

/** Each table with names instead of the numbers that it happens to have given, and without the time of writing. */
const CONTENTS: Readonly<Record<string, string>> = {
  like: `${DID("t.actor")}, t.rkey, t.rev, t.created, ${SUBJECT("t.subject")}, ${SUBJECT("t.via")}, encode(t.cid, 'hex')`,
  repost: `${DID("t.actor")}, t.rkey, t.rev, t.created, ${SUBJECT("t.subject")}, ${SUBJECT("t.via")}, encode(t.cid, 'hex')`,
  follow: `${DID("t.actor")}, t.rkey, t.rev, t.created, ${DID("t.subject")}, t.via, encode(t.cid, 'hex')`,
  post: `${DID("t.actor")}, t.rkey, t.rev, t.created, ${SUBJECT("t.root")}, ${SUBJECT("t.parent")}, ${SUBJECT("t.quote")}, encode(t.cid, 'hex'), t.value::text`,
  repo: `${DID("t.actor")}, t.rev, t.contiguous_from, t.broken, encode(t.tree, 'hex')`,
  account: `${DID("t.actor")}, t.account_seq, t.identity_seq, t.account_relay, t.identity_relay, t.active, t.status, t.handle`,
  actor: "t.did",
  subject: `${SUBJECT("t.id")}, t.version = standpipe.subject_version(t.cid_1, t.cid_2, t.collection, t.key)`,
  subject_count: `${SUBJECT("t.subject")}, t.likes, t.reposts, t.replies, t.quotes`,
  actor_count: `${DID("t.actor")}, t.followers, t.follows, t.posts`,
  relay: "t.host, t.epoch",
  lane: "t.lane, t.lanes, t.fence, t.seq, t.records, t.event_time",
};

async function contentOf(pool: Pool, table: string, columns: string): Promise<readonly string[]> {
  const { rows } = await pool.query<{ line: string }>(
    `SELECT concat_ws(' ', ${columns.replaceAll(/,(?![^(]*\))/g, ", '|',")}) AS line FROM standpipe."${table}" AS t ORDER BY 1`,
  );
  return rows.map(({ line }) => line);
}

/** All tables, so that one that comes later is not forgotten. */
async function rowsByTable(pool: Pool): Promise<ReadonlyMap<string, number>> {
  const { rows } = await pool.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = 'standpipe'::regnamespace AND relkind = 'r' ORDER BY 1",
  );
  const counts = new Map<string, number>();
  for (const { name } of rows) {
    const found = await pool.query<{ count: string }>(`SELECT count(*) FROM standpipe."${name}"`);
    counts.set(name, Number(found.rows[0]?.count));
  }
  return counts;
}

describe("a database filled by rows", () => {
  const resources = new AsyncDisposableStack();
  let filled: Pool;
  let consumed: Pool;
  const events: CommitEvent[] = [];

  beforeAll(async () => {
    const scratch = resources.use(await scratchFolder());
    const open = async (): Promise<{ readonly pool: Pool; readonly connectionString: string }> => {
      const { connectionString } = resources.use(await createTestDatabase());
      const pool = new Pool({ connectionString, max: 1 });
      resources.defer(() => pool.end());
      return { pool, connectionString };
    };
    const [one, other] = [await open(), await open()];
    [filled, consumed] = [one.pool, other.pool];
    const load = new PackLoad({ mix: MIX });
    const folder = join(scratch.path, "copy");
    const fill = new BulkFill({ load, database: one, folder, chunk: CHUNK });
    for (const stage of STAGES) {
      if (stage === "bulk") await fill.fill(STAGE);
      else await drain(one.connectionString, load);
    }
    const same = new PackLoad({ mix: MIX });
    for (const _stage of STAGES) await drain(other.connectionString, same, events);
  }, 120_000);
  afterAll(() => resources.disposeAsync());

  it.each(Object.entries(CONTENTS))("has the same rows of %s", async (table, columns) => {
    const expected = await contentOf(consumed, table, columns);
    expect(expected.length).toBeGreaterThan(0);
    expect(await contentOf(filled, table, columns)).toEqual(expected);
  });

  it("has as many rows in every other table", async () => {
    expect(await rowsByTable(filled)).toEqual(await rowsByTable(consumed));
  });

  it("has counters that say what is stored", async () => {
    expect(await checkCounters(filled)).toEqual([]);
  });

  it("has lost no pack between filling and consuming", async () => {
    const { rows } = await filled.query("SELECT reason, detail FROM standpipe.gap");
    expect(rows).toEqual([]);
  });

  it("gives records back with the CIDs that they were made with, also by address and by subject", async () => {
    const sample = events.filter((_, index) => index % 400 === 0);
    for (const { did, ops } of sample) {
      const { collection = "", rkey = "", record = null } = ops[0] ?? {};
      const uri = `at://${did}/${collection}/${rkey}`;
      const cid = cidText(digestOf(record ?? new Uint8Array()));
      const { rows } = await filled.query("SELECT cid FROM record(uri => $1)", [uri]);
      expect(rows).toEqual([{ cid }]);
    }
    const most = "SELECT uri, likes FROM post_counts ORDER BY likes DESC, uri LIMIT 5";
    const { rows } = await filled.query<{ uri: string; likes: number }>(most);
    for (const { uri, likes } of rows) {
      const found = await filled.query("SELECT cid FROM likes_of(uri => $1)", [uri]);
      expect(found.rows).toHaveLength(likes);
    }
  });
});

async function drain(connectionString: string, load: PackLoad, into?: CommitEvent[]): Promise<void> {
  const next = load.source({ events: STAGE, size: 500 });
  await using consumer = createConsumer(connectionString, 2);
  await consumer.drain(() => {
    const pack = next();
    if (pack === undefined || into === undefined) return pack;
    const read = readPack(pack);
    if (read.ok) into.push(...read.events.filter((event) => event.kind === "commit"));
    return pack;
  });
}

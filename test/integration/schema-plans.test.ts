/** Every query that the documents print uses indexes, and the views and functions give the right rows, on half a million of them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { EXAMPLE, loadManyRows, MANY } from "../support/many-rows.ts";
import { projectRoot } from "../support/project-root.ts";
import { type PlanReading, readPlan } from "../support/query-plans.ts";

interface PrintedStatement {
  readonly place: string;
  readonly sql: string;
}

/** Statements in ```sql blocks. */
function printedIn(file: string): PrintedStatement[] {
  const blocks = readFileSync(join(projectRoot, file), "utf8").matchAll(/^```sql\n([\s\S]*?)^```/gm);
  return Array.from(blocks, ([, sql = ""], index) => ({ place: `${file} #${index + 1}`, sql: sql.trim() }));
}

const printed = ["docs/schema.md", "README.md"].flatMap(printedIn);
const isQuery = ({ sql }: PrintedStatement): boolean => /^(SELECT|WITH)\b/.test(sql);
const queries = printed.filter(isQuery);

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new Client({ connectionString: database.connectionString });
  await client.connect();
  await loadManyRows(client);
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

async function rowsOf<Row extends object>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
  return (await client.query<Row>(sql, [...values])).rows;
}

/** What PostgreSQL itself brings, such as unnest, reads no table. `record` and pages are planned inside: tests of their own count what they read. */
function whatIsSlow({ wholeScans, opaqueFunctions }: PlanReading, sql: string): readonly string[] {
  const isPage = sql.includes("max =>");
  return [...wholeScans, ...opaqueFunctions.filter((name) => name !== "unnest" && name !== "record" && !isPage)];
}

const planOf = async (sql: string): Promise<readonly string[]> =>
  whatIsSlow(await readPlan(client, sql, { many: MANY }), sql);

async function pagesRead(sql: string): Promise<number> {
  const [plan] = await rowsOf<{ "QUERY PLAN": [{ Plan: Record<string, number> }] }>(
    `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql}`,
  );
  const read = plan?.["QUERY PLAN"][0].Plan;
  return (read?.["Shared Hit Blocks"] ?? 0) + (read?.["Shared Read Blocks"] ?? 0);
}

describe("a query that the documents print", () => {
  it("comes from both of them", () => {
    expect(queries.filter(({ place }) => place.startsWith("docs/schema.md")).length).toBeGreaterThanOrEqual(12);
    expect(queries.filter(({ place }) => place.startsWith("README.md")).length).toBeGreaterThanOrEqual(3);
  });

  it.each(queries)("reads no large table whole and finds something: $place", async ({ sql }) => {
    expect(await planOf(sql)).toEqual([]);
    expect((await rowsOf(sql)).length).toBeGreaterThan(0);
  });
});

describe("the check itself", () => {
  it("finds the tables that are read whole, and the indexes", async () => {
    expect(await planOf(`SELECT * FROM posts WHERE uri = '${EXAMPLE.post}'`)).toContain("post");
    expect(await planOf(`SELECT * FROM likes WHERE subject_uri = '${EXAMPLE.post}'`)).not.toEqual([]);
    expect(await planOf("SELECT * FROM records WHERE indexed_at > now()")).toContain("misfit");
    expect(await planOf("SELECT actor FROM standpipe.repo ORDER BY actor LIMIT 1")).toEqual(["repo by repo_pkey"]);
  });
});

describe("did = …", () => {
  it("uses an index in every view that has a did, for a value and for a parameter", async () => {
    const views = await rowsOf<{ name: string }>(
      `SELECT relname AS name FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'did'
       WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'`,
    );
    expect(views.length).toBe(22);
    for (const { name } of views) {
      expect({ name, slow: await planOf(`SELECT * FROM ${name} WHERE did = '${EXAMPLE.did}'`) }).toEqual({
        name,
        slow: [],
      });
      expect({ name, slow: await genericPlanOf(`SELECT * FROM ${name} WHERE did = $1`, EXAMPLE.did) }).toEqual({
        name,
        slow: [],
      });
    }
  });
});

describe("a function", () => {
  const calls = ["likes_of", "reposts_of", "replies_to", "quotes_of", "counts_of"].map((name) => ({
    name,
    value: EXAMPLE.post,
  }));

  it.each([...calls, { name: "followers_of", value: EXAMPLE.did }])(
    "is put in line, and needs no table whole, for a parameter: $name",
    async ({ name, value }) => {
      expect(await genericPlanOf(`SELECT * FROM ${name}($1::text)`, value)).toEqual([]);
    },
  );

  it("record reads a few pages, of any collection", async () => {
    const uris = await rowsOf<{ uri: string }>("SELECT DISTINCT ON (collection) uri FROM records WHERE did = $1", [
      EXAMPLE.did,
    ]);
    for (const { uri } of [...uris, ...uris]) {
      expect({ uri, few: (await pagesRead(`SELECT * FROM record(uri => '${uri}')`)) < 1000 }).toEqual({
        uri,
        few: true,
      });
    }
  });

  it.each([
    { call: "likes_of($1", value: EXAMPLE.post },
    { call: "reposts_of($1", value: EXAMPLE.post },
    { call: "replies_to($1", value: EXAMPLE.post },
    { call: "quotes_of($1", value: EXAMPLE.post },
    { call: "followers_of($1", value: EXAMPLE.did },
  ])("gives the same rows page by page, the latest first: $call)", async ({ call, value }) => {
    const all = await rowsOf<{ uri: string; rkey: string }>(`SELECT * FROM ${call}) ORDER BY rkey DESC`, [value]);
    const paged: typeof all = [];
    for (let before: string | null = null, page = [...all]; page.length > 0; before = page.at(-1)?.uri ?? null) {
      page = await rowsOf(`SELECT * FROM ${call}, max => 7, before => $2)`, [value, before]);
      expect(page.length).toBeLessThanOrEqual(7);
      paged.push(...page);
    }
    expect(paged.map(({ rkey }) => rkey)).toEqual(all.map(({ rkey }) => rkey));
    expect(paged.toSorted(byUri)).toEqual(all.toSorted(byUri));
    expect(await rowsOf(`SELECT * FROM ${call}, max => 7, before => 'nonsense')`, [value])).toEqual([]);
    const literal = call.replace("$1", `'${value}'`);
    // The second is planned as all after it are.
    for (const _ of [1, 2]) expect(await pagesRead(`SELECT * FROM ${literal}, max => 7)`)).toBeLessThan(1000);
  });

  it("reads little for a page, however many like the post", async () => {
    await client.query("BEGIN");
    // One in ten seconds.
    await client.query(`INSERT INTO standpipe."like" (rkey, rev, created, actor, subject, tick)
      SELECT (1700000000000000 + n * 10000000) << 10, 5, 0, a.id, 2, 1
      FROM generate_series(1, 20000::int8) AS n JOIN standpipe.actor AS a ON a.id = 20000 + n % 500`);
    const [subject] = await rowsOf<{ uri: string }>("SELECT uri FROM standpipe.subject_row WHERE id = 2");
    const page = `SELECT * FROM likes_of('${subject?.uri}', max => 7)`;
    expect(await rowsOf(page)).toHaveLength(7);
    const few = await pagesRead(page);
    const all = await pagesRead(`SELECT * FROM likes_of('${subject?.uri}') ORDER BY rkey DESC LIMIT 7`);
    await client.query("ROLLBACK");
    expect(few).toBeLessThan(1000);
    expect(all).toBeGreaterThan(20_000);
  });

  it("loses no row between two pages where several have the same key", async () => {
    await client.query("BEGIN");
    await client.query(`INSERT INTO standpipe."like" (rkey, rev, created, actor, subject, tick)
      SELECT 5, 5, 0, a.id, 2, 1 FROM standpipe.actor AS a WHERE a.id BETWEEN 20000 AND 20030 AND a.id NOT IN (SELECT actor FROM standpipe.inactive_actor)`);
    const [subject] = await rowsOf<{ uri: string }>("SELECT uri FROM standpipe.subject_row WHERE id = 2");
    const paged: string[] = [];
    for (let before: string | null = null, size = 1; size > 0; before = paged.at(-1) ?? null) {
      const page: { uri: string }[] = await rowsOf("SELECT uri FROM likes_of($1, max => 4, before => $2)", [
        subject?.uri,
        before,
      ]);
      size = page.length;
      paged.push(...page.map(({ uri }) => uri));
    }
    const all = await rowsOf<{ uri: string }>("SELECT uri FROM likes_of($1)", [subject?.uri]);
    await client.query("ROLLBACK");
    expect(paged.length).toBeGreaterThan(29);
    expect(paged.toSorted()).toEqual(all.map(({ uri }) => uri).toSorted());
  });

  it.each([
    { name: "likes_of", view: "likes", column: "subject_uri" },
    { name: "reposts_of", view: "reposts", column: "subject_uri" },
    { name: "replies_to", view: "posts", column: "reply_parent_uri" },
    { name: "quotes_of", view: "posts", column: "quote_uri" },
  ])("gives the rows that the view has for the URI: $name", async ({ name, view, column }) => {
    const found = await rowsOf(`SELECT * FROM ${name}($1) ORDER BY uri`, [EXAMPLE.post]);
    expect(found.length).toBeGreaterThan(5);
    expect(found).toEqual(await rowsOf(`SELECT * FROM ${view} WHERE ${column} = $1 ORDER BY uri`, [EXAMPLE.post]));
  });

  it("gives the followers that the view has for the account", async () => {
    const found = await rowsOf("SELECT * FROM followers_of($1) ORDER BY uri", [EXAMPLE.did]);
    expect(found.length).toBeGreaterThan(5);
    expect(found).toEqual(await rowsOf("SELECT * FROM follows WHERE subject_did = $1 ORDER BY uri", [EXAMPLE.did]));
  });

  it("gives the record of any collection as the view has it", async () => {
    const some = await rowsOf<{ uri: string }>(
      "SELECT DISTINCT ON (collection) * FROM records WHERE did = $1 ORDER BY collection, rkey",
      [EXAMPLE.did],
    );
    expect(some.length).toBeGreaterThan(15);
    for (const row of some) expect(await rowsOf("SELECT * FROM record(uri => $1)", [row.uri])).toEqual([row]);
    expect(await rowsOf("SELECT * FROM record(uri => $1)", [`${EXAMPLE.post}x`])).toEqual([]);
    expect(await rowsOf("SELECT * FROM record(uri => $1)", ["no URI at all"])).toEqual([]);
  });

  it("record needs the name of its argument beside a literal", async () => {
    await expect(rowsOf(`SELECT * FROM record('${EXAMPLE.post}')`)).rejects.toThrow(
      "input of anonymous composite types is not implemented",
    );
  });

  it("gives the counters that the rows give", async () => {
    const { post } = EXAMPLE;
    const [counted] = await rowsOf<object>(
      `SELECT $1 AS uri, $2 AS did,
         (SELECT count(*)::int FROM standpipe."like" WHERE subject = 1) AS likes, (SELECT count(*)::int FROM standpipe.repost WHERE subject = 1) AS reposts,
         (SELECT count(*)::int FROM standpipe.post WHERE parent = 1) AS replies, (SELECT count(*)::int FROM standpipe.post WHERE quote = 1) AS quotes`,
      [post, EXAMPLE.did],
    );
    expect(await rowsOf("SELECT * FROM counts_of($1)", [post])).toEqual([counted]);
    expect(await rowsOf("SELECT * FROM post_counts WHERE did = $1 AND uri = $2", [EXAMPLE.did, post])).toEqual([
      counted,
    ]);
    const nothing = {
      uri: "at://did:web:nobody.test/a.b.c/1",
      did: "did:web:nobody.test",
      likes: 0,
      reposts: 0,
      replies: 0,
      quotes: 0,
    };
    expect(await rowsOf("SELECT * FROM counts_of($1)", [nothing.uri])).toEqual([nothing]);
  });

  it("leaves out what inactive accounts wrote, which the counters count", async () => {
    const [all] = await rowsOf<{ likes: number }>("SELECT likes FROM counts_of($1)", [EXAMPLE.post]);
    const shown = await rowsOf("SELECT uri FROM likes_of($1)", [EXAMPLE.post]);
    const [hidden] = await rowsOf<{ n: number }>(
      `SELECT count(*)::int AS n FROM standpipe."like" AS l JOIN standpipe.inactive_actor AS i USING (actor) WHERE l.subject = 1`,
    );
    expect(hidden?.n).toBeGreaterThan(0);
    expect(shown.length + (hidden?.n ?? 0)).toBe(all?.likes);
  });
});

describe("a view", () => {
  it("gives the whole value of a like that says more than its columns", async () => {
    const [odd] = await rowsOf<{ did: string; rkey: string }>(
      "SELECT a.did, o.rkey FROM standpipe.original AS o JOIN standpipe.actor AS a ON a.id = o.actor WHERE o.collection = 1 ORDER BY o.rkey LIMIT 1",
    );
    const [row] = await rowsOf<{ value: unknown }>(
      "SELECT value FROM all_records WHERE did = $1 AND collection = 'app.bsky.feed.like' AND rkey = $2",
      [odd?.did, odd?.rkey],
    );
    expect(row?.value).toEqual({ $type: "app.bsky.feed.like", extra: true });
  });

  it("takes no text for a subject's account that is no DID", async () => {
    await client.query("BEGIN");
    await client.query(
      `UPDATE standpipe.thread_gate SET value = value || '{"post": "at://alice.test/app.bsky.feed.post/1"}' WHERE actor = 1;
       UPDATE standpipe.list_block SET value = value || '{"subject": "nonsense"}' WHERE actor = 1`,
    );
    const gates = await rowsOf("SELECT DISTINCT subject_did, subject_rkey FROM thread_gates WHERE did = $1", [
      EXAMPLE.did,
    ]);
    const blocks = await rowsOf("SELECT DISTINCT subject_did, subject_rkey FROM list_blocks WHERE did = $1", [
      EXAMPLE.did,
    ]);
    await client.query("ROLLBACK");
    expect(gates).toEqual([{ subject_did: null, subject_rkey: "1" }]);
    expect(blocks).toEqual([{ subject_did: null, subject_rkey: null }]);
  });
});

describe("the role that can only read", () => {
  it("reads views and functions, and writes nothing", async () => {
    const statements = printed.find(({ sql }) => sql.startsWith("CREATE ROLE"));
    await client.query("BEGIN");
    await client.query(statements?.sql.replaceAll("analyst", "docs_reader") ?? "");
    await client.query("SET LOCAL ROLE docs_reader");
    for (const { sql } of queries) expect((await rowsOf(sql)).length).toBeGreaterThan(0);
    const write = rowsOf(`DELETE FROM standpipe."like"`);
    await expect(write).rejects.toThrow("permission denied");
    await client.query("ROLLBACK");
  });
});

function byUri(a: { readonly uri: string }, b: { readonly uri: string }): number {
  return a.uri < b.uri ? -1 : 1;
}

/** The plan that a prepared statement ends with. */
async function genericPlanOf(sql: string, value: string): Promise<readonly string[]> {
  await client.query("SET plan_cache_mode = force_generic_plan");
  await client.query(`PREPARE printed (text) AS ${sql}`);
  try {
    return await planOf(`EXECUTE printed ('${value}')`);
  } finally {
    await client.query("DEALLOCATE printed");
    await client.query("RESET plan_cache_mode");
  }
}

/** `standpipe compare`: the recorded network in a database of ours and in one with an established AppView's tables. */
import { type Client, Pool } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FirehoseEvent } from "../../lib/core/event.ts";
import { KINDS } from "../../lib/store/compare/kinds.ts";
import { CompareError, openReadSession } from "../../lib/store/compare/session.ts";
import { createTestDatabase } from "../support/database.ts";
import { createEstablishedDatabase, type EstablishedDatabase } from "../support/established-database.ts";
import { freePort } from "../support/free-port.ts";
import { inBatches, packsOf, recordedEvents } from "../support/recorded-packs.ts";
import { type EndedCommand, runCommand } from "../support/run-command.ts";
import { createTestConsumer, type TestConsumer } from "../support/test-consumer.ts";

const events = recordedEvents();
/** Of everything that was ever recorded, and every account of it. */
const ALL = [
  "--since",
  "2000-01-01T00:00:00Z",
  "--until",
  "2100-01-01T00:00:00Z",
  "--accounts",
  "2000",
  "--records",
  "500",
];

let ours: TestConsumer;
let theirs: EstablishedDatabase;

beforeAll(async () => {
  ours = await filled();
  theirs = await createEstablishedDatabase(events);
});

afterAll(async () => {
  await theirs[Symbol.asyncDispose]();
  await ours[Symbol.asyncDispose]();
});

async function filled(upTo = events.length): Promise<TestConsumer> {
  const consumer = await createTestConsumer();
  for (const packs of inBatches(packsOf(events.slice(0, upTo), { size: () => 100 }), 8))
    await consumer.consume(...packs);
  return consumer;
}

const compare = (args: readonly string[], other = theirs.connectionString, mine = ours.connectionString) =>
  runCommand(["compare", ...args], { DATABASE_URL: mine, COMPARE_DATABASE_URL: other });

interface Page {
  readonly same: boolean;
  readonly window: { readonly from: string; readonly to: string };
  readonly other: { readonly form: string; readonly position: string | null };
  readonly sample: { readonly accounts: number };
  readonly compared: number;
  readonly different: number;
  readonly kinds: readonly {
    readonly kind: string;
    readonly keptByOther: boolean;
    readonly counts: Readonly<
      Record<"this" | "other", { readonly rows: number | null; readonly inWindow: number | null }>
    >;
    readonly outcomes: Readonly<Record<string, number>>;
  }[];
  readonly differences: readonly {
    readonly kind: string;
    readonly outcome: string;
    readonly uri: string;
    readonly fields: readonly string[];
  }[];
}

const pageOf = ({ out }: EndedCommand): Page => JSON.parse(out) as Page;

/** Without the records that established tables cannot take: few, and there in every comparison with one. */
const unexpected = ({ differences }: Page) => differences.filter(({ uri }) => !theirs.refused.includes(uri));

async function someRow(table: string): Promise<Readonly<Record<string, string>>> {
  const { rows } = await theirs.client.query<{ row: Record<string, string> }>(
    `SELECT to_jsonb(t) AS row FROM ${table} AS t ORDER BY uri LIMIT 1 OFFSET 7`,
  );
  return rows[0]?.row ?? {};
}

/** Something else in their database for as long as `look` takes. */
async function planted(statement: string, undo: string, look: () => Promise<void>): Promise<void> {
  await theirs.client.query(statement);
  try {
    await look();
  } finally {
    await theirs.client.query(undo);
  }
}

describe("compare with an established database", () => {
  test("finds no difference but in what its tables cannot take, in every kind that both keep", async () => {
    const page = pageOf(await compare([...ALL, "--json", "--show", "1000"]));
    expect(page.differences.map(({ outcome, uri }) => [outcome, theirs.refused.includes(uri)])).toEqual(
      page.differences.map(() => ["only-this", true]),
    );
    expect(page.other.form).toBe("established");
    const unkept = page.kinds.filter(({ keptByOther }) => !keptByOther).map(({ kind }) => kind);
    expect(unkept).toEqual(["list_blocks", "post_gates"]);
    for (const { kind, outcomes } of page.kinds) {
      if (!unkept.includes(kind)) expect([kind, (outcomes["same"] ?? 0) > 0]).toEqual([kind, true]);
    }
    expect(page.compared).toBeGreaterThan(4_000);
  });

  test("finds what only one of them has, and what both have in two versions", async () => {
    const [like, post, follow] = [await someRow("likes"), await someRow("posts"), await someRow("follows")];
    const extra = `${String(follow["uri"]).slice(0, -1)}2`;
    await planted(
      `DELETE FROM likes WHERE uri = '${like["uri"]}';
       UPDATE posts SET text = 'another', cid = 'bafyreinone' WHERE uri = '${post["uri"]}';
       INSERT INTO follows SELECT '${extra}', follower_did, 'did:plc:nobody', created_at, indexed_at FROM follows WHERE uri = '${follow["uri"]}'`,
      `INSERT INTO likes (uri, user_did, post_uri, created_at) VALUES ('${like["uri"]}', '${like["user_did"]}', '${like["post_uri"]}', now());
       UPDATE posts SET text = $q$${post["text"]}$q$, cid = '${post["cid"]}' WHERE uri = '${post["uri"]}';
       DELETE FROM follows WHERE uri = '${extra}'`,
      async () => {
        const ended = await compare([...ALL, "--json"]);
        expect(ended.code).toBe(1);
        expect(unexpected(pageOf(ended))).toEqual([
          { kind: "posts", outcome: "differs", uri: post["uri"], fields: ["cid", "text"] },
          { kind: "likes", outcome: "only-this", uri: like["uri"], fields: [] },
          { kind: "follows", outcome: "only-other", uri: extra, fields: [] },
        ]);
        const shown = await compare([...ALL, "--show", "1"]);
        expect(shown.code).toBe(1);
        expect(shown.out).toMatch(/^posts +differ +at:.* +cid, text$/m);
        const { different, compared } = pageOf(ended);
        expect(shown.out).toContain(`… and ${different - 1} more (--show)`);
        const share = ((different * 100) / compared).toFixed(2);
        expect(shown.out.split("\n").at(-1)).toBe(
          `${different} of ${compared.toLocaleString("en-US")} records compared differ (${share} %, tolerance 0 %)`,
        );
        expect((await compare([...ALL, "--tolerance", "1"])).code).toBe(0);
        // Five keys of blocks are there that do not fit our table: more than half as many again.
        const counted = await compare([...ALL, "--exact", "--tolerance", "10"]);
        expect(counted.out).toMatch(/; counts differ: .*blocks/);
        expect(counted.code).toBe(1);
      },
    );
  });

  test("says that a record was deleted here, and that another of the pair is kept there", async () => {
    const deleted = events
      .filter((event) => event.kind === "commit")
      .flatMap(({ did, ops }) =>
        ops
          .filter(({ action, collection }) => action === "delete" && collection === "app.bsky.feed.like")
          .map(({ rkey }) => ({ did, rkey })),
      )[0];
    const uri = `at://${deleted?.did}/app.bsky.feed.like/${deleted?.rkey}`;
    const { rows } = await theirs.client.query<{ uri: string }>("SELECT uri FROM reposts ORDER BY uri LIMIT 1");
    const repost = rows[0]?.uri ?? "";
    const twin = `${repost.slice(0, -1)}${repost.endsWith("3") ? "4" : "3"}`;
    await planted(
      `INSERT INTO likes (uri, user_did, post_uri, created_at) VALUES ('${uri}', '${deleted?.did}', 'at://did:plc:x/app.bsky.feed.post/y', now());
       UPDATE reposts SET uri = '${twin}' WHERE uri = '${repost}'`,
      `DELETE FROM likes WHERE uri = '${uri}'; UPDATE reposts SET uri = '${repost}' WHERE uri = '${twin}'`,
      async () => {
        const page = pageOf(await compare([...ALL, "--json"]));
        expect(unexpected(page)).toEqual([
          { kind: "likes", outcome: "deleted-here", uri, fields: [] },
          { kind: "reposts", outcome: "only-other", uri: twin, fields: [] },
        ]);
        expect(page.kinds.find(({ kind }) => kind === "reposts")?.outcomes["one-a-subject"]).toBeGreaterThanOrEqual(1);
      },
    );
  });

  test("leaves out what came after the point that both have reached", async () => {
    const part = events.slice(0, events.length * 0.3);
    await using behind = await createEstablishedDatabase(part);
    // The minute that an ingester may need to write what it has read, and that compare leaves it.
    await behind.client.query("UPDATE firehose_cursor SET last_event_time = last_event_time + interval '1 minute'");
    const since = [
      "--since",
      "2000-01-01T00:00:00Z",
      "--accounts",
      "2000",
      "--records",
      "500",
      "--tolerance",
      "1",
      "--json",
    ];
    const ended = await compare(since, behind.connectionString);
    const page = pageOf(ended);
    expect(unexpected(page)).toEqual([]);
    expect(ended.code).toBe(0);
    expect(page.compared).toBeGreaterThan(100);
    const lastMs = part.findLast(({ timeMs }) => timeMs !== null)?.timeMs ?? 0;
    expect(page.window.to).toBe(new Date(lastMs).toISOString());
    const everything = pageOf(await compare([...ALL, "--json"], behind.connectionString));
    expect(everything.different).toBeGreaterThan(100);
  });

  test("asks its newest posts where its cursor is elsewhere", async () => {
    const { rows } = await theirs.client.query<{ uri: string }>(
      "SELECT uri FROM posts ORDER BY indexed_at DESC LIMIT 1",
    );
    await planted(
      "ALTER TABLE firehose_cursor RENAME TO elsewhere",
      "ALTER TABLE elsewhere RENAME TO firehose_cursor",
      async () => {
        const { other } = pageOf(await compare([...ALL, "--json"]));
        expect(Math.abs(Date.parse(other.position ?? "") - (events.at(-1)?.timeMs ?? 0))).toBeLessThan(600_000);
        expect(rows).toHaveLength(1);
      },
    );
  });

  test("takes the same accounts for the same seed, and others for another", async () => {
    // Counted, since an ANALYZE between two of them changes what the statistics say.
    const few = [...ALL.slice(0, 4), "--accounts", "5", "--records", "3", "--exact", "--json"];
    const [first, again, other] = await Promise.all([compare(few), compare(few), compare([...few, "--seed", "7"])]);
    expect(first.out).toBe(again.out);
    expect(other.out).not.toBe(first.out);
    expect(pageOf(first).sample.accounts).toBeLessThanOrEqual(10);
  });

  test("reads no table from one end to the other", async () => {
    const mine = new Pool({ connectionString: ours.connectionString, max: 1 });
    const scans = async (client: Pick<Client, "query">) =>
      (
        await client.query<{ name: string; scans: string }>(
          `SELECT relname AS name, seq_scan AS scans FROM pg_stat_user_tables
           WHERE relname NOT IN ('collection', 'migration', 'lane', 'firehose_cursor') ORDER BY 1`,
        )
      ).rows;
    try {
      // Where tables are as small as here, the planner would rather read them whole: told not to, it does so only where it has to.
      for (const client of [mine, theirs.client]) {
        const { rows } = await client.query<{ name: string }>("SELECT current_database() AS name");
        await client.query(`ALTER DATABASE "${rows[0]?.name}" SET enable_seqscan = off`);
      }
      const before = [await scans(mine), await scans(theirs.client)];
      expect((await compare([...ALL, "--tolerance", "1"])).code).toBe(0);
      await expect
        .poll(async () => [await scans(mine), await scans(theirs.client)], { timeout: 5_000 })
        .toEqual(before);
    } finally {
      await mine.end();
    }
  });
});

describe("compare with a second database of ours", () => {
  test("compares every kind, and sees deletes on both sides", async () => {
    await using second = await filled();
    const same = await compare([...ALL, "--json", "--exact"], second.connectionString);
    expect(pageOf(same)).toMatchObject({ same: true, different: 0 });
    expect(pageOf(same).kinds.every(({ keptByOther }) => keptByOther)).toBe(true);
    await using half = await filled(events.length * 0.3);
    const page = pageOf(await compare([...ALL, "--json", "--show", "100000"], half.connectionString));
    expect(new Set(page.differences.map(({ outcome }) => outcome))).toEqual(new Set(["deleted-here", "only-this"]));
    const turned = pageOf(
      await compare([...ALL, "--json", "--show", "100000"], ours.connectionString, half.connectionString),
    );
    expect(new Set(turned.differences.map(({ outcome }) => outcome))).toEqual(new Set(["deleted-there", "only-other"]));
    expect(turned.different).toBe(page.different);
  });

  test("sees that one of them has an older version", async () => {
    const isUpdate = (event: FirehoseEvent) =>
      event.kind === "commit" && event.ops.some(({ action }) => action === "update");
    await using older = await filled(events.findLastIndex(isUpdate));
    const page = pageOf(await compare([...ALL, "--json", "--show", "100000"], older.connectionString));
    const differs = page.differences.filter(({ outcome }) => outcome === "differs");
    expect(differs.length).toBeGreaterThan(0);
    for (const { fields } of differs) expect(fields).toContain("cid");
  });
});

describe("compare refuses", () => {
  test.each([
    ["no address", {}, [], /^standpipe: COMPARE_DATABASE_URL is not set/],
    [
      "an address that is none",
      { COMPARE_DATABASE_URL: "mysql://secret@x" },
      [],
      /^standpipe: COMPARE_DATABASE_URL \(not shown here\): must be/,
    ],
    ["a time without a zone", {}, ["--since", "yesterday"], /--since.*Must be a time such as/],
    ["too many accounts", {}, ["--accounts", "2001"], /--accounts.*from 1 to 2000/],
    ["a tolerance above all", {}, ["--tolerance", "101"], /--tolerance.*from 0 to 100/],
  ])("%s", async (_, environment: Readonly<Record<string, string>>, args, said) => {
    const { code, err } = await runCommand(["compare", ...args], {
      DATABASE_URL: ours.connectionString,
      ...environment,
    });
    expect(err).toMatch(said);
    expect(err).not.toContain("secret");
    expect(code).toBe(2);
  });

  test("the same database, one without tables of either, and one that nobody has migrated", async () => {
    await using empty = await createTestDatabase({ empty: true });
    expect(await compare([], ours.connectionString)).toMatchObject({
      code: 2,
      err: expect.stringContaining("is the same database"),
    });
    expect(await compare([], empty.connectionString)).toMatchObject({
      code: 2,
      err: expect.stringContaining("neither tables of PublicAppView"),
    });
    expect(await compare([], theirs.connectionString, empty.connectionString)).toMatchObject({
      code: 2,
      err: expect.stringContaining("standpipe migrate"),
    });
  });

  test("a window in which nothing can be, and a sample that hits nothing", async () => {
    expect(await compare([])).toMatchObject({
      code: 2,
      err: expect.stringContaining("there is nothing yet that both must have"),
    });
    await using empty = await createEstablishedDatabase([]);
    await using blank = await filled(0);
    const nothing = await compare(ALL, empty.connectionString, blank.connectionString);
    expect(nothing.out).toContain("nothing was compared");
    expect(nothing.code).toBe(1);
  });

  test("a database that is away, or that does not know the user, and says which of the two it is", async () => {
    const away = `postgres://127.0.0.1:${await freePort()}/x`;
    const there = await compare([], away);
    expect(there).toMatchObject({
      code: 1,
      err: expect.stringContaining("COMPARE_DATABASE_URL (not shown here): connect ECONNREFUSED"),
    });
    expect(await compare([], theirs.connectionString, away)).toMatchObject({
      code: 1,
      err: expect.not.stringContaining("COMPARE_DATABASE_URL"),
    });
    const unknown = new URL(theirs.connectionString);
    unknown.pathname = "/nowhere";
    expect(await compare([], unknown.href)).toMatchObject({
      code: 2,
      err: expect.stringContaining('COMPARE_DATABASE_URL (not shown here): database "nowhere"'),
    });
  });

  test("to wait for a statement longer than it was told to", async () => {
    await theirs.client.query("BEGIN");
    try {
      await theirs.client.query("LOCK TABLE likes IN ACCESS EXCLUSIVE MODE");
      const { code, err } = await compare([...ALL, "--timeout", "1"]);
      expect(err).toContain("a statement took longer than 1 s in the other database: give --timeout");
      expect(code).toBe(1);
    } finally {
      await theirs.client.query("ROLLBACK");
    }
  });
});

describe("what compare relies on", () => {
  test("its sessions can change nothing", async () => {
    const { connectionString } = theirs;
    await using session = await openReadSession({ connectionString, side: "other", timeoutMs: 5_000 });
    const refused = await session.rows("DELETE FROM likes").catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(CompareError);
    // read_only_sql_transaction.
    expect(refused).toMatchObject({ code: "25006", side: "other" });
  });

  test("its kinds have the numbers and tables that the database gives them", async () => {
    const { rows } = await ours.store.pool.query<{ id: number; nsid: string }>(
      "SELECT id, nsid FROM standpipe.collection WHERE id < 100 ORDER BY id",
    );
    const known = KINDS.flatMap(({ number, collection }) =>
      number === null ? [] : [{ id: number, nsid: collection }],
    );
    expect(known.toSorted((a, b) => a.id - b.id)).toEqual(rows);
    for (const { table } of KINDS) {
      const found = await ours.store.pool.query("SELECT to_regclass($1) AS found", [`standpipe."${table}"`]);
      expect(found.rows[0]).not.toEqual({ found: null });
    }
  });
});

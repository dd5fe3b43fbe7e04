import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { type EndedCommand, runCommand } from "../support/run-command.ts";

let database: TestDatabase;

beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
});
afterEach(() => database.drop());

const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<EndedCommand> =>
  runCommand(args, { DATABASE_URL: database.connectionString, PORT: "1", ...env });

async function query(sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new Client({ connectionString: database.connectionString });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** A port on which nobody listens. */
async function deadPort(): Promise<number> {
  const server: Server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { readonly port: number }).port)),
  );
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("migrate", () => {
  test("brings a database to this version once", async () => {
    const first = await run(["migrate"]);
    expect(first).toMatchObject({ code: 0, out: expect.stringMatching(/^applied 0001_/) });
    expect(await run(["migrate"])).toMatchObject({ code: 0, out: "nothing to do: the database is up to date" });
  });

  test("puts the views where DATABASE_SCHEMA says, and refuses another schema later", async () => {
    expect((await run(["migrate"], { DATABASE_SCHEMA: "atproto" })).code).toBe(0);
    expect(await query("SELECT * FROM atproto.posts")).toEqual([]);
    const second = await run(["migrate"]);
    expect(second.code).toBe(2);
    expect(second.err).toMatch(/^standpipe: DATABASE_SCHEMA is public, but .* set DATABASE_SCHEMA=atproto/);
  });

  test("changes nothing where a relation of one of our names is not ours, and names the setting", async () => {
    await query("CREATE TABLE posts (mine int)");
    const { code, err } = await run(["migrate"]);
    expect(code).toBe(2);
    expect(err).toMatch(/posts \(table\).*set DATABASE_SCHEMA/);
    expect(err.trim().split("\n")).toHaveLength(1);
    expect(await query("SELECT nspname FROM pg_namespace WHERE nspname = 'standpipe'")).toEqual([]);
  });
});

describe("sql", () => {
  beforeEach(async () => {
    await run(["migrate"]);
  });

  test("prints an aligned table", async () => {
    const { code, out } = await run(["sql", "SELECT 'a' AS name, 1::bigint AS n UNION ALL SELECT 'bcd', 1000"]);
    expect(code).toBe(0);
    expect(out).toBe(["name     n", "────  ────", "a        1", "bcd   1000"].join("\n"));
  });

  test("prints JSON that keeps arrays, objects, nulls and large numbers", async () => {
    const statement = `SELECT ARRAY['en','ja'] AS langs, '{"a":1}'::jsonb AS value, NULL AS nothing,
      9007199254740993::bigint AS big, 42::bigint AS small, '2026-07-04T00:00:00.123456Z'::timestamptz AS at`;
    const { code, out } = await run(["sql", "--json", statement]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual([
      {
        langs: ["en", "ja"],
        value: { a: 1 },
        nothing: null,
        big: "9007199254740993",
        small: 42,
        at: "2026-07-04 00:00:00.123456+00",
      },
    ]);
  });

  test.each([
    ["writes", "CREATE TABLE public.mine (a int)", /read-only transaction/],
    ["ends the transaction first", "COMMIT; CREATE TABLE public.mine (a int)", /multiple commands/],
    ["is no SQL", "SELEC 1", /syntax error/],
  ])("refuses what %s, with the server's words and exit code 1", async (_, statement, words) => {
    const { code, out, err } = await run(["sql", statement]);
    expect(code).toBe(1);
    expect(out).toBe("");
    expect(err).toMatch(words);
    expect(await query("SELECT to_regclass('public.mine') AS mine")).toEqual([{ mine: null }]);
  });

  test.each([
    ["starts a program", "COPY (SELECT 1) TO PROGRAM 'true'"],
    ["reads the server's files", "SELECT pg_read_file('PG_VERSION')"],
    [
      "ends others' sessions",
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    ],
  ])("refuses what %s, although the user is a superuser, and does not blame the address", async (_, statement) => {
    const other = new Client({ connectionString: database.connectionString });
    other.on("error", () => {});
    await other.connect();
    const { code, out, err } = await run(["sql", statement]);
    await other.end();
    expect(code).toBe(1);
    expect(out).toBe("");
    expect(err).toMatch(/^standpipe: permission denied/);
  });

  test("is as good as its user where that is none who may take the readers' role", async () => {
    const [{ name } = {}] = await query("SELECT 'reader_' || substr(current_database(), 6) AS name");
    await query(`CREATE ROLE ${String(name)} LOGIN PASSWORD 'secret'`);
    try {
      await query(`GRANT SELECT ON posts TO ${String(name)}`);
      const address = new URL(database.connectionString);
      [address.username, address.password] = [String(name), "secret"];
      const asReader = (statement: string) => run(["sql", "--json", statement], { DATABASE_URL: address.href });
      expect(await asReader("SELECT * FROM posts")).toMatchObject({ code: 0, out: "[]" });
      expect(await asReader("SELECT * FROM likes")).toMatchObject({
        code: 1,
        err: expect.stringMatching(/^standpipe: permission denied/),
      });
    } finally {
      await query(`DROP OWNED BY ${String(name)}; DROP ROLE ${String(name)}`);
    }
  });

  test("keeps both of two columns of one name in JSON", async () => {
    const { out } = await run(["sql", "--json", "SELECT 1 AS id, 2 AS id, 3 AS id_2"]);
    expect(JSON.parse(out)).toEqual([{ id: 1, id_3: 2, id_2: 3 }]);
  });

  test.each(["", " \n"])("%j is no statement", async (statement) => {
    const { code, out, err } = await run(["sql", statement]);
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err.split("\n")).toHaveLength(1);
  });

  test("gives up at its time limit", async () => {
    const { code, err } = await run(["sql", "--timeout", "1", "SELECT pg_sleep(30)"]);
    expect(code).toBe(1);
    expect(err).toMatch(/statement timeout/);
  });
});

describe("sql with DATABASE_SCHEMA", () => {
  test("finds the views there, beside somebody else's relation of the same name in public", async () => {
    await query("CREATE TABLE public.posts AS SELECT 'foreign' AS whose");
    await query("CREATE TABLE public.mine AS SELECT 1 AS a");
    const env = { DATABASE_SCHEMA: "other" };
    expect((await run(["migrate"], env)).code).toBe(0);
    expect(await run(["sql", "--json", "SELECT uri FROM posts"], env)).toMatchObject({ code: 0, out: "[]" });
    expect(await run(["sql", "--json", "SELECT a FROM mine"], env)).toMatchObject({ code: 0, out: '[\n{"a":1}\n]' });
  });
});

describe("a database that cannot be had", () => {
  test.each([["sql", "SELECT 1"], ["migrate"], ["status"], ["dead-letters", "list"]])(
    "%s fails with 1 and the reason where nobody listens",
    async (...args) => {
      const address = `postgres://me:hunter2@127.0.0.1:${await deadPort()}/db`;
      const { code, err } = await run(args, { DATABASE_URL: address });
      expect(code).toBe(1);
      expect(err).toMatch(/ECONNREFUSED/);
      expect(err).not.toContain("hunter2");
    },
  );

  test("a wrong password or database is a wrong setting, and the address stays secret", async () => {
    const wrongDatabase = new URL(database.connectionString);
    wrongDatabase.pathname = "/nothing_here";
    const wrongPassword = new URL(database.connectionString);
    wrongPassword.password = "hunter2";
    for (const args of [["sql", "SELECT 1"], ["migrate"]]) {
      for (const address of [wrongDatabase, wrongPassword]) {
        const { code, err } = await run(args, { DATABASE_URL: address.href });
        expect(code).toBe(2);
        expect(err).toMatch(/^standpipe: DATABASE_URL \(not shown here\): /);
        expect(err).not.toContain("hunter2");
      }
    }
  });

  test("without DATABASE_URL and before any start there is none", async () => {
    const dataDir = join(await mkdtemp(join(inject("scratchDir"), "none-")), ".standpipe");
    const { code, err } = await run(["sql", "SELECT 1"], { DATABASE_URL: "", STANDPIPE_DATA_DIR: dataDir });
    expect(code).toBe(2);
    expect(err).toContain(`no database in ${dataDir} yet: run standpipe start first`);
  });

  test("a data directory that holds another version's database, or none of ours, is a wrong setting", async () => {
    const dataDir = await mkdtemp(join(inject("scratchDir"), "foreign-"));
    const env = { DATABASE_URL: "", STANDPIPE_DATA_DIR: dataDir };
    await mkdir(join(dataDir, "postgres"));
    const none = await run(["sql", "SELECT 1"], env);
    expect(none).toMatchObject({
      code: 2,
      err: expect.stringMatching(/is not a database that standpipe made.*STANDPIPE_DATA_DIR/),
    });
    await writeFile(join(dataDir, "postgres/PG_VERSION"), "17\n");
    const older = await run(["sql", "SELECT 1"], env);
    expect(older).toMatchObject({ code: 2, err: expect.stringMatching(/made by Postgres 17.*STANDPIPE_DATA_DIR/) });
  });
});

describe("status without a process", () => {
  test("tells from the database what is there", async () => {
    await run(["migrate"]);
    await query(`INSERT INTO standpipe.cursor (relay, epoch, seq, event_time, fence)
      VALUES ('relay.example', 1, 4711, '2026-07-04T14:38:07Z', 1)`);
    const { code, out } = await run(["status"]);
    expect(code).toBe(0);
    expect(out).toContain("no process answers at http://127.0.0.1:1/status");
    expect(out).toContain("relay.example: 4711, events up to 2026-07-04T14:38:07.000Z");
    const json = await run(["status", "--json"]);
    expect(JSON.parse(json.out)).toMatchObject({ process: null, cursor: 4711, rows: 0, deadLetters: 0, gaps: 0 });
  });

  test("says that migrate is needed where nothing is there yet", async () => {
    const { code, err } = await run(["status"]);
    expect(code).toBe(1);
    expect(err).toMatch(/run standpipe migrate/);
  });
});

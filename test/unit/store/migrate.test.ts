import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findForeignRelations } from "../../../lib/store/foreign-relations.ts";
import { type MigrateOptions, migrate, pendingMigrations } from "../../../lib/store/migrate.ts";
import { MigrationError } from "../../../lib/store/migration-files.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/silent-log.ts";

const FIRST = "CREATE TABLE standpipe.like (id int); CREATE VIEW {{schema}}.likes AS SELECT id FROM standpipe.like;";
const SECOND =
  "ALTER TABLE standpipe.like ADD COLUMN rev bigint; " +
  "CREATE FUNCTION {{schema}}.likes_of(uri text) RETURNS SETOF {{schema}}.likes LANGUAGE sql STABLE AS 'SELECT * FROM {{schema}}.likes';";
const VIEW_NAMES = ["likes", "likes_of", "posts"];

let folder: string;
let database: TestDatabase;
let client: Client;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "standpipe-migrations-"));
  database = await createTestDatabase({ empty: true });
  client = new Client({ connectionString: database.connectionString });
  await client.connect();
});

afterEach(async () => {
  await client.end();
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  await Promise.all(Object.entries(files).map(([name, sql]) => writeFile(join(folder, name), sql)));
}

function options(changed: Partial<MigrateOptions> = {}): MigrateOptions {
  return {
    connectionString: database.connectionString,
    schema: "public",
    directory: pathToFileURL(`${folder}/`),
    viewNames: VIEW_NAMES,
    log: silentLog,
    ...changed,
  };
}

async function refusal(changed: Partial<MigrateOptions> = {}): Promise<string> {
  const error = await migrate(options(changed)).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MigrationError);
  return error instanceof Error ? error.message : "";
}

async function relations(): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'v') ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

describe("migrate", () => {
  it("applies all files in the order of their numbers, and each once", async () => {
    await write({ "0002_second.sql": SECOND, "0001_first.sql": FIRST });
    expect(await pendingMigrations(options())).toEqual(["0001_first", "0002_second"]);
    expect(await relations()).toEqual([]);
    expect(await migrate(options())).toEqual({ applied: ["0001_first", "0002_second"] });
    expect(await migrate(options())).toEqual({ applied: [] });
    expect(await pendingMigrations(options())).toEqual([]);
    const { rows } = await client.query(
      "SELECT number, name, length(sha256) AS bytes FROM standpipe.migration ORDER BY number",
    );
    expect(rows).toEqual([
      { number: 1, name: "first", bytes: 32 },
      { number: 2, name: "second", bytes: 32 },
    ]);
  });

  it("applies what is new to a database that has the rest", async () => {
    await write({ "0001_first.sql": FIRST });
    await migrate(options());
    await write({ "0002_second.sql": SECOND });
    expect(await migrate(options({ client }))).toEqual({ applied: ["0002_second"] });
  });

  it("applies each file once where several processes start together", async () => {
    await write({ "0001_first.sql": FIRST, "0002_second.sql": SECOND });
    const runs = await Promise.all(Array.from({ length: 6 }, () => migrate(options())));
    expect(runs.flatMap(({ applied }) => applied)).toEqual(["0001_first", "0002_second"]);
  });

  it("leaves nothing of a file that fails, and keeps those before it", async () => {
    await write({
      "0001_first.sql": FIRST,
      "0002_second.sql": "CREATE TABLE standpipe.half (); SELECT 1 / 0;",
    });
    expect(await refusal()).toBe("migration 0002_second failed and was rolled back: division by zero");
    expect(await relations()).toEqual(["public.likes", "standpipe.like", "standpipe.migration"]);
    expect(await pendingMigrations(options())).toEqual(["0002_second"]);
  });

  it("leaves no trace where the first file fails", async () => {
    await write({ "0001_first.sql": "SELECT 1 / 0" });
    await refusal({ schema: "views" });
    const { rows } = await client.query("SELECT nspname FROM pg_namespace WHERE nspname IN ('standpipe', 'views')");
    expect(rows).toEqual([]);
  });

  it("goes on after a lost connection, which is no fault of the files", async () => {
    await write({ "0001_first.sql": "SELECT pg_terminate_backend(pg_backend_pid())" });
    const error = await migrate(options()).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(MigrationError);
    await write({ "0001_first.sql": FIRST });
    expect(await migrate(options())).toEqual({ applied: ["0001_first"] });
  });

  it.each([
    ["a changed file", { "0001_first.sql": `${FIRST} ` }, /another migration 0001_first.*must not be changed/],
    ["a renamed file", { "0001_other.sql": FIRST }, /another migration 0001_first than this program's 0001_other/],
    ["a database that is newer", {}, /newer than this program.*0001_first/],
  ])("refuses %s", async (_, files, message) => {
    await write({ "0001_first.sql": FIRST });
    await migrate(options());
    await rm(join(folder, "0001_first.sql"));
    await write(files);
    expect(await refusal()).toMatch(message);
    await expect(pendingMigrations(options())).rejects.toThrow(message);
  });

  it.each([
    ["a gap", { "0001_first.sql": FIRST, "0003_third.sql": SECOND }, /gap: 0003_third.sql.*number 2/],
    ["a number twice", { "0001_a.sql": FIRST, "0001_b.sql": FIRST }, /gap: 0001_b.sql.*number 2/],
    ["a file without a number", { "first.sql": FIRST }, /first.sql is not named like/],
  ])("refuses %s in the folder", async (_, files, message) => {
    await write(files);
    expect(await refusal()).toMatch(message);
  });

  it("refuses a database that is not in UTF-8", async () => {
    await write({ "0001_first.sql": FIRST });
    const name = `${database.name}_latin`;
    await client.query(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`);
    try {
      const connectionString = database.connectionString.replace(database.name, name);
      expect(await refusal({ connectionString })).toMatch(/encoding is LATIN1 and has to be UTF8/);
    } finally {
      await client.query(`DROP DATABASE ${name}`);
    }
  });
});

describe("the schema of the views", () => {
  it("is made, whatever its name, and then stays", async () => {
    await write({ "0001_first.sql": FIRST });
    const schema = 'My "views" $& ü';
    await migrate(options({ schema }));
    expect(await relations()).toContain(`${schema}.likes`);
    await write({ "0002_second.sql": SECOND });
    expect(await refusal({ schema: "public" })).toMatch(
      /DATABASE_SCHEMA is public.*views in My "views" \$& ü.*set DATABASE_SCHEMA=My/,
    );
    expect(await migrate(options({ schema }))).toEqual({ applied: ["0002_second"] });
  });

  it("does not have to be makable where it is there", async () => {
    await write({ "0001_first.sql": "CREATE VIEW {{schema}}.likes AS SELECT 1 AS id" });
    const role = `role_${database.name}`;
    await client.query(
      `CREATE ROLE ${role}; GRANT CREATE ON SCHEMA public TO ${role}; CREATE SCHEMA standpipe AUTHORIZATION ${role}`,
    );
    await client.query(`SET ROLE ${role}`);
    try {
      expect(await migrate(options({ client }))).toEqual({ applied: ["0001_first"] });
    } finally {
      await client.query(`RESET ROLE; DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });
});

describe("what is not ours", () => {
  it.each([
    ["table", "CREATE TABLE public.likes (id int)", "likes (table)"],
    ["view", "CREATE VIEW public.posts AS SELECT 1 AS one", "posts (view)"],
    ["index", "CREATE TABLE x (id int); CREATE INDEX likes ON x (id)", "likes (index)"],
    ["function", "CREATE FUNCTION likes_of(int) RETURNS int LANGUAGE sql AS 'SELECT 1'", "likes_of (function)"],
  ])("stops it before anything is changed: %s of the same name", async (_, sql, named) => {
    await client.query(sql);
    await write({ "0001_first.sql": FIRST });
    const before = await relations();
    expect(await refusal()).toContain(`${named} that standpipe did not make: set DATABASE_SCHEMA`);
    expect(await relations()).toEqual(before);
    expect(await migrate(options({ schema: "elsewhere" }))).toEqual({ applied: ["0001_first"] });
  });

  it("stops a later migration too, and does not mistake our own for it", async () => {
    await write({ "0001_first.sql": `${FIRST} COMMENT ON VIEW {{schema}}.likes IS 'One row per like'` });
    await migrate(options());
    expect(await findForeignRelations(client, "public", VIEW_NAMES)).toEqual([]);
    const { rows } = await client.query("SELECT obj_description('public.likes'::regclass) AS comment");
    expect(rows).toEqual([{ comment: "standpipe: One row per like" }]);
    await write({ "0002_second.sql": SECOND });
    await client.query("CREATE TABLE public.posts (id int)");
    expect(await refusal()).toContain("posts (table)");
    await client.query("DROP TABLE public.posts");
    expect(await migrate(options())).toEqual({ applied: ["0002_second"] });
    expect(await findForeignRelations(client, "public", VIEW_NAMES)).toEqual([]);
  });
});

/** The roles that the migrations make: `indexer` writes rows and no more, `reader` reads the views and no more. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Client, DatabaseError } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { consume } from "../../lib/consume/consume.ts";
import { MIGRATIONS_DIRECTORY, migrate } from "../../lib/store/migrate.ts";
import { createPostgresStore } from "../../lib/store/postgres-store.ts";
import { turnTombstones } from "../../lib/store/tombstones.ts";
import { VIEW_NAMES } from "../../lib/store/view-names.ts";
import { CountingTelemetry } from "../support/counting-telemetry.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { recordedAtMs } from "../support/recorded-frames.ts";
import { packsOf, recordedEvents } from "../support/recorded-packs.ts";
import { runCommand } from "../support/run-command.ts";
import { silentLog } from "../support/silent-log.ts";

const INSUFFICIENT_PRIVILEGE = "42501";
const ROLES_SQL = readFileSync(new URL("0005_roles.sql", MIGRATIONS_DIRECTORY), "utf8").replaceAll(
  "{{schema}}",
  '"public"',
);

let database: TestDatabase;
let owner: Client;
let indexer: Client;
let reader: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  owner = await connected(database.connectionString);
  indexer = await connected(as("indexer"));
  reader = await connected(as("reader"));
});
afterAll(async () => {
  await Promise.all([owner, indexer, reader].map((client) => client.end()));
  await database.drop();
});

/** An address whose sessions have the rights of a role, which has no password of its own here. */
function as(role: string, { connectionString } = database): string {
  const url = new URL(connectionString);
  url.searchParams.set("options", `-c role=${role}`);
  return url.href;
}

async function connected(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString });
  // Its server may end it when the test's database is dropped.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** SQLSTATE, or what was expected to fail did not. */
async function refusal(client: Client, statement: string): Promise<string | undefined> {
  const error = await client.query(statement).then(
    () => null,
    (reason: unknown) => reason,
  );
  return error instanceof DatabaseError ? error.code : `${statement} was not refused`;
}

/** What the statements of the migration leave behind, which are then undone. */
async function tried<Row extends object>(before: readonly string[], look: string): Promise<Row | undefined> {
  await owner.query("BEGIN");
  try {
    for (const statement of [...before, ROLES_SQL]) await owner.query(statement);
    await owner.query("RESET ROLE");
    return (await owner.query<Row>(look)).rows[0];
  } finally {
    await owner.query("ROLLBACK");
  }
}

async function pidOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  return rows[0]?.pid ?? 0;
}

describe("indexer", () => {
  it("applies packs, and turns the days of the tombstones", async () => {
    await using store = createPostgresStore({ connectionString: as("indexer"), poolSize: 2, log: silentLog });
    const packs = packsOf(recordedEvents().slice(0, 600), { size: () => 200 });
    const telemetry = new CountingTelemetry();
    await consume(packs, { store, telemetry, nowMs: () => recordedAtMs });
    await turnTombstones(store.pool, { keepDays: 4 });
    const { rows } = await owner.query<{ rows: string }>("SELECT count(*) AS rows FROM all_records");
    expect(Number(rows[0]?.rows)).toBeGreaterThan(100);
  });

  it.each([
    "CREATE TABLE standpipe.mine (id int)",
    "CREATE TABLE public.mine (id int)",
    "ALTER TABLE standpipe.post ADD COLUMN mine int",
    "DROP TABLE standpipe.post",
    "DROP VIEW posts",
    "TRUNCATE standpipe.post",
    "CREATE OR REPLACE FUNCTION standpipe.tid_value(rkey text) RETURNS int8 LANGUAGE sql AS 'SELECT 1::int8'",
    "UPDATE standpipe.migration SET name = 'mine'",
    "CREATE ROLE mine",
  ])("is refused %s", async (statement) => {
    expect(await refusal(indexer, statement)).toBe(INSUFFICIENT_PRIVILEGE);
  });
});

describe("reader", () => {
  it("reads every view and calls every function", async () => {
    const { rows } = await owner.query<{ name: string; kind: string }>(
      `SELECT relname AS name, 'view' AS kind FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'
       UNION SELECT DISTINCT proname, 'function' FROM pg_proc WHERE pronamespace = 'public'::regnamespace`,
    );
    expect(rows.map(({ name }) => name).toSorted()).toEqual(VIEW_NAMES.toSorted());
    for (const { name, kind } of rows) {
      const from = kind === "view" ? name : `public.${name}('at://did:plc:abc/app.bsky.feed.post/3l3qo2vutsw2b'::text)`;
      await expect(reader.query(`SELECT * FROM ${from} LIMIT 1`)).resolves.toBeDefined();
    }
  });

  it.each([
    "INSERT INTO standpipe.actor (did) VALUES ('did:plc:mine')",
    'UPDATE standpipe."like" SET tick = 0',
    "DELETE FROM standpipe.post",
    "SELECT standpipe.resolve(ARRAY['did:plc:mine'], '{}', '{}', '{}', '{}', '{}', '{}', '{}')",
    "SELECT standpipe.turn_tombstones(0)",
    "CREATE TABLE standpipe.mine (id int)",
  ])("is refused %s", async (statement) => {
    expect(await refusal(reader, statement)).toBe(INSUFFICIENT_PRIVILEGE);
  });
});

it("neither logs in without being told, and both have a limit of time", async () => {
  const { rows } = await owner.query(
    `SELECT rolname, rolcanlogin, rolconfig, pg_has_role(rolname, 'pg_monitor', 'MEMBER') AS monitors
     FROM pg_roles WHERE rolname IN ('indexer', 'reader') ORDER BY 1`,
  );
  const limits = (time: string) => [`statement_timeout=${time}`, `idle_in_transaction_session_timeout=${time}`];
  expect(rows).toEqual([
    { rolname: "indexer", rolcanlogin: false, rolconfig: limits("50s"), monitors: true },
    { rolname: "reader", rolcanlogin: false, rolconfig: limits("5min"), monitors: false },
  ]);
});

it("by hand once more, the statements mend what somebody took away", async () => {
  const found = await tried(
    [ROLES_SQL, "REVOKE SELECT ON posts FROM reader", "ALTER ROLE indexer RENAME TO indexer_before"],
    `SELECT has_table_privilege('reader', 'posts', 'SELECT') AS reads, has_table_privilege('indexer', 'standpipe.post', 'INSERT') AS writes,
       has_function_privilege('indexer', 'standpipe.turn_tombstones(int4)', 'EXECUTE') AS turns`,
  );
  expect(found).toEqual({ reads: true, writes: true, turns: true });
});

it("once more, the statements let in again whom somebody locked out, and give back what they were in", async () => {
  const found = await tried<{ roles: string[] }>(
    [
      ROLES_SQL,
      "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'rds_iam') THEN CREATE ROLE rds_iam; END IF; END $$",
      "ALTER ROLE reader NOLOGIN",
      "REVOKE rds_iam FROM reader",
      "REVOKE pg_signal_backend FROM indexer",
    ],
    `SELECT array_agg(rolname::text ORDER BY 1) AS roles FROM pg_roles WHERE rolcanlogin AND NOT rolsuper
     AND pg_has_role(rolname, 'rds_iam', 'MEMBER') AND pg_has_role('indexer', 'pg_signal_backend', 'MEMBER')`,
  );
  expect(found?.roles).toEqual(["indexer", "reader"]);
});

it("a session of a reader is ended through `standpipe sql`, by the role that indexes and not by a reader", async () => {
  const name = (role: string): string => `${role}_${randomBytes(4).toString("hex")}`;
  const [writing, reading] = [name("writing"), name("reading")];
  for (const [login, role] of [
    [writing, "indexer"],
    [reading, "reader"],
  ]) {
    await owner.query(`CREATE ROLE ${login} LOGIN PASSWORD 'a password' IN ROLE ${role}`);
  }
  const address = (login: string): string => {
    const url = new URL(database.connectionString);
    Object.assign(url, { username: login, password: "a password" });
    return url.href;
  };
  const busy = await connected(address(reading));
  const gone = new Promise((resolve) => busy.once("end", resolve));
  const asked = "SELECT pid FROM pg_stat_activity WHERE usename = '" + reading + "' AND datname = current_database()";
  const end = (login: string) =>
    runCommand(["sql", `SELECT pg_terminate_backend(pid) FROM (${asked} AND pid <> pg_backend_pid()) AS t`], {
      DATABASE_URL: address(login),
    });
  try {
    expect((await end(writing)).code).toBe(0);
    await gone;
    expect(await refusal(reader, `SELECT pg_terminate_backend(${await pidOf(indexer)})`)).toBe(INSUFFICIENT_PRIVILEGE);
  } finally {
    await busy.end();
    await owner.query(`DROP ROLE ${writing}`);
    await owner.query(`DROP ROLE ${reading}`);
  }
});

it("where rds_iam is, both log in and are in it", async () => {
  const found = await tried<{ roles: string[] }>(
    [
      "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'rds_iam') THEN CREATE ROLE rds_iam; END IF; END $$",
      "ALTER ROLE indexer RENAME TO indexer_before",
      "ALTER ROLE reader RENAME TO reader_before",
    ],
    `SELECT array_agg(rolname::text ORDER BY 1) AS roles FROM pg_roles
     WHERE rolcanlogin AND NOT rolsuper AND pg_has_role(rolname, 'rds_iam', 'MEMBER')`,
  );
  expect(found?.roles).toEqual(["indexer", "reader"]);
});

it("an owner who is no superuser, as on RDS, makes both", async () => {
  const boss = `boss_${randomBytes(4).toString("hex")}`;
  const found = await tried<{ roles: string[]; reads: boolean; writes: boolean; monitors: boolean }>(
    [
      "ALTER ROLE indexer RENAME TO indexer_before",
      "ALTER ROLE reader RENAME TO reader_before",
      `CREATE ROLE ${boss} CREATEROLE`,
      "CREATE ROLE rds_iam",
      // Of pg_monitor it is no administrator, so that a right that it cannot give stops nothing.
      `GRANT rds_iam TO ${boss} WITH ADMIN OPTION`,
      `DO $$ DECLARE o record; BEGIN
         FOR o IN SELECT oid::regclass AS name FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND relnamespace IN ('standpipe'::regnamespace, 'public'::regnamespace)
         LOOP EXECUTE format('ALTER TABLE %s OWNER TO ${boss}', o.name); END LOOP;
         FOR o IN SELECT oid::regprocedure AS name FROM pg_proc WHERE pronamespace IN ('standpipe'::regnamespace, 'public'::regnamespace)
         LOOP EXECUTE format('ALTER FUNCTION %s OWNER TO ${boss}', o.name); END LOOP;
       END $$`,
      `ALTER SCHEMA standpipe OWNER TO ${boss}`,
      `SET LOCAL ROLE ${boss}`,
    ],
    `SELECT array_agg(rolname::text ORDER BY 1) AS roles, has_table_privilege('reader', 'posts', 'SELECT') AS reads,
       has_table_privilege('indexer', 'standpipe.post', 'INSERT') AS writes, pg_has_role('indexer', 'pg_monitor', 'MEMBER') AS monitors
     FROM pg_roles WHERE rolcanlogin AND rolname IN ('indexer', 'reader') AND pg_has_role(rolname, 'rds_iam', 'MEMBER')`,
  );
  expect(found).toEqual({ roles: ["indexer", "reader"], reads: true, writes: true, monitors: false });
});

it("leaves a role of that name that somebody else made as it is", async () => {
  const found = await tried(
    ["ALTER ROLE reader RENAME TO reader_before", "CREATE ROLE reader"],
    `SELECT rolconfig, has_schema_privilege('reader', 'standpipe', 'USAGE') AS enters, has_table_privilege('reader', 'posts', 'SELECT') AS reads
     FROM pg_roles WHERE rolname = 'reader'`,
  );
  expect(found).toEqual({ rolconfig: null, enters: false, reads: false });
});

it("does nothing where nobody may make roles", async () => {
  const plain = `plain_${randomBytes(4).toString("hex")}`;
  const found = await tried(
    [
      "ALTER ROLE indexer RENAME TO indexer_before",
      "ALTER ROLE reader RENAME TO reader_before",
      `CREATE ROLE ${plain}`,
      `ALTER FUNCTION standpipe.turn_tombstones(int4) OWNER TO ${plain}`,
      `GRANT USAGE ON SCHEMA standpipe TO ${plain}`,
      `SET LOCAL ROLE ${plain}`,
    ],
    "SELECT count(*)::int AS roles FROM pg_roles WHERE rolname IN ('indexer', 'reader')",
  );
  expect(found).toEqual({ roles: 0 });
});

it("a second database of the server, of an owner who may not make roles, lets the same roles in", async () => {
  const plain = `plain_${randomBytes(4).toString("hex")}`;
  await using other = await createTestDatabase({ empty: true });
  await owner.query(`CREATE ROLE ${plain}`);
  await owner.query(`ALTER DATABASE ${other.name} OWNER TO ${plain}`);
  const connectionString = as(plain, other);
  await migrate({
    connectionString,
    schema: "views",
    directory: MIGRATIONS_DIRECTORY,
    viewNames: VIEW_NAMES,
    log: silentLog,
  });
  const there = await connected(as("reader", other));
  const writer = await connected(as("indexer", other));
  try {
    expect((await there.query("SELECT * FROM views.posts")).rowCount).toBe(0);
    expect(await refusal(there, "DELETE FROM standpipe.post")).toBe(INSUFFICIENT_PRIVILEGE);
    expect((await writer.query("DELETE FROM standpipe.post")).rowCount).toBe(0);
  } finally {
    await there.end();
    await writer.end();
    await other.drop();
    await owner.query(`DROP ROLE ${plain}`);
  }
});

it("what a later migration makes is theirs as well", async () => {
  await owner.query("CREATE TABLE standpipe.later (id int)");
  await expect(indexer.query("INSERT INTO standpipe.later VALUES (1)")).resolves.toBeDefined();
  expect((await reader.query("SELECT * FROM standpipe.later")).rowCount).toBe(1);
});

it("a person's own login in `reader` has the same rights", async () => {
  const name = `login_${randomBytes(4).toString("hex")}`;
  await owner.query(`CREATE ROLE ${name} LOGIN PASSWORD 'a password' IN ROLE reader`);
  const url = new URL(database.connectionString);
  url.username = name;
  url.password = "a password";
  const person = await connected(url.href);
  try {
    expect((await person.query("SELECT * FROM posts LIMIT 1")).rowCount).toBeLessThan(2);
    expect(await refusal(person, "DELETE FROM standpipe.post")).toBe(INSUFFICIENT_PRIVILEGE);
  } finally {
    await person.end();
    await owner.query(`DROP ROLE ${name}`);
  }
});

/** What a deployment runs, on a real database; Secrets Manager is a stand-in that answers what a test says. */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Client, escapeIdentifier, escapeLiteral } from "pg";
import { afterEach, beforeEach, describe, expect, inject, it, vi } from "vitest";
import { checkRoles } from "../../../functions/migrate/check-roles.ts";
import { explainFailure, MigrationFailure } from "../../../functions/migrate/explain-failure.ts";
import { handler } from "../../../functions/migrate/handler.ts";
import { runMigration } from "../../../functions/migrate/run-migration.ts";
import { readSettings } from "../../../lib/config/read-settings.ts";
import { MIGRATIONS_DIRECTORY } from "../../../lib/store/migrate.ts";
import { readMigrations } from "../../../lib/store/migration-files.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { freePort } from "../../support/free-port.ts";
import { silentLog } from "../../support/silent-log.ts";

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await database.drop();
});

async function query<Row extends object>(statement: string): Promise<readonly Row[]> {
  const client = new Client({ connectionString: database.connectionString });
  await client.connect();
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.end();
  }
}

async function run(environment: Readonly<Record<string, string>>, directory?: URL): Promise<readonly string[]> {
  const settings = readSettings("migrate", environment);
  const { applied } = await runMigration({ settings, log: silentLog, ...(directory !== undefined && { directory }) });
  return applied;
}

async function failure(environment: Readonly<Record<string, string>>, directory?: URL): Promise<string> {
  const error = await run(environment, directory).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MigrationFailure);
  return error instanceof Error ? error.message : "";
}

function folderWith(sql: string): URL {
  const folder = join(inject("scratchDir"), `migrations-${randomBytes(6).toString("hex")}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "0001_one.sql"), sql);
  return pathToFileURL(`${folder}/`);
}

interface Secrets extends AsyncDisposable {
  readonly environment: Readonly<Record<string, string>>;
  /** How often it was asked. */
  readonly asked: () => number;
}

/** Of the server's own user. */
function secretsWith(...passwords: readonly string[]): Promise<Secrets> {
  return secretsOf(new URL(database.connectionString).username, ...passwords);
}

/** Answers with these passwords in turn, the last one again and again. */
async function secretsOf(username: string, ...passwords: readonly string[]): Promise<Secrets> {
  let asked = 0;
  const server = createServer((_request, response) => {
    const password = passwords[Math.min(asked, passwords.length - 1)];
    asked += 1;
    response.setHeader("Content-Type", "application/x-amz-json-1.1");
    response.end(JSON.stringify({ SecretString: JSON.stringify({ username, password }) }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
  const address = new URL(database.connectionString);
  address.username = "";
  address.password = "";
  address.searchParams.set("sslmode", "disable");
  return {
    asked: () => asked,
    environment: {
      DATABASE_URL: address.href,
      DATABASE_SECRET_ARN: "the-secret",
      AWS_ENDPOINT_URL_SECRETS_MANAGER: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

describe("the migration of a deployment", () => {
  it("applies every file, and nothing the next time", async () => {
    vi.stubEnv("DATABASE_URL", database.connectionString);
    vi.stubEnv("LOG_LEVEL", "silent");
    const names = readMigrations(MIGRATIONS_DIRECTORY).map(
      ({ number, name }) => `${String(number).padStart(4, "0")}_${name}`,
    );
    expect(await handler()).toEqual({ applied: names });
    expect(await handler()).toEqual({ applied: [] });
  });

  it("gives the roles back what somebody took away, each time that it is called", async () => {
    const environment = { DATABASE_URL: database.connectionString, DATABASE_SCHEMA: "views" };
    await run(environment);
    await query("REVOKE SELECT ON views.posts FROM reader");
    await query("REVOKE INSERT ON standpipe.post FROM indexer");
    expect(await run(environment)).toEqual([]);
    expect(
      await query(
        `SELECT has_table_privilege('reader', 'views.posts', 'SELECT') AS reads, has_table_privilege('indexer', 'standpipe.post', 'INSERT') AS writes`,
      ),
    ).toEqual([{ reads: true, writes: true }]);
  });

  it("waits for locks and statements for less than the function may take", async () => {
    const directory = folderWith(
      "CREATE TABLE standpipe.seen AS SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement",
    );
    await run({ DATABASE_URL: database.connectionString }, directory);
    expect(await query("SELECT * FROM standpipe.seen")).toEqual([{ lock: "1min", statement: "13min" }]);
  });

  it("reads the secret once more where it was rotated in between", async () => {
    await using secrets = await secretsWith("an old password", new URL(database.connectionString).password);
    expect(await run(secrets.environment)).not.toEqual([]);
    expect(secrets.asked()).toBe(2);
  });

  it("takes user and password of any characters from the secret", async () => {
    const user = `owner ${randomBytes(4).toString("hex")}@/:%`;
    const password = "a/b:c@d?e#f%20g&h=i+j k";
    await query(`CREATE ROLE ${escapeIdentifier(user)} LOGIN PASSWORD ${escapeLiteral(password)}`);
    try {
      await query(`ALTER DATABASE ${database.name} OWNER TO ${escapeIdentifier(user)}`);
      await using secrets = await secretsOf(user, password);
      expect(await run(secrets.environment)).not.toEqual([]);
    } finally {
      await query(`DROP OWNED BY ${escapeIdentifier(user)} CASCADE`);
      await query(`ALTER DATABASE ${database.name} OWNER TO CURRENT_USER`);
      await query(`DROP ROLE ${escapeIdentifier(user)}`);
    }
  });

  it("says that the owner is refused, and never the password", async () => {
    await using secrets = await secretsWith("wrong/100%@:?#");
    const said = await failure(secrets.environment);
    expect(said).toMatch(/password authentication failed.*whether DATABASE_SECRET_ARN names the secret/);
    expect(said).not.toContain("wrong");
    expect(secrets.asked()).toBe(2);
  });

  it("speaks to no server without TLS, unless the address says so", async () => {
    await using secrets = await secretsWith(new URL(database.connectionString).password);
    const address = new URL(secrets.environment.DATABASE_URL ?? "");
    address.searchParams.delete("sslmode");
    expect(await failure({ ...secrets.environment, DATABASE_URL: address.href })).toMatch(/does not support SSL/);
  });

  it("says where a database does not answer", async () => {
    const port = await freePort();
    const said = await failure({ DATABASE_URL: `postgres://owner:secret-word@127.0.0.1:${port}/standpipe` });
    expect(said).toMatch(new RegExp(`ECONNREFUSED.*If 127.0.0.1:${port} is running, its security group`));
    expect(said).not.toContain("secret-word");
  });

  it("says which migration failed, and that nothing else was changed", async () => {
    const said = await failure({ DATABASE_URL: database.connectionString }, folderWith("SELECT 1 / 0"));
    expect(said).toMatch(/migration 0001_one failed and was rolled back: division by zero\. Nothing else was changed/);
    expect(await query("SELECT to_regclass('standpipe.migration') AS ledger")).toEqual([{ ledger: null }]);
  });

  it("says that the address is missing", async () => {
    expect(await failure({})).toMatch(/DATABASE_URL is not set/);
  });
});

it.each([
  ["55P03", /look at pg_stat_activity/],
  ["57014", /look at pg_stat_activity for what holds the database up, or take a larger instance/],
  ["SELF_SIGNED_CERT_IN_CHAIN", /certificate of db\.test:5432 is not trusted: NODE_EXTRA_CA_CERTS/],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", /NODE_EXTRA_CA_CERTS/],
  ["ETIMEDOUT", /security group/],
])("advises on %s", (code, advice) => {
  const cause = Object.assign(new Error("what it said"), { code });
  const said = explainFailure(new Error("while migrating", { cause }), "postgres://owner@db.test:5432/standpipe");
  expect(said.message).toMatch(/^while migrating: what it said\. /);
  expect(said.message).toMatch(advice);
});

it("fails where a role of that name could not log in with a token", async () => {
  const tokenRole = `tokens_${randomBytes(4).toString("hex")}`;
  const { connectionString } = database;
  await expect(checkRoles({ connectionString, tokenRole })).resolves.toBeUndefined();
  await query(`CREATE ROLE ${tokenRole}`);
  try {
    await expect(checkRoles({ connectionString, tokenRole })).rejects.toThrow(
      new RegExp(`indexer and reader cannot log in with tokens.*may not grant ${tokenRole} to it`),
    );
  } finally {
    await query(`DROP ROLE ${tokenRole}`);
  }
});

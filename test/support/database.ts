/** A database of its own for each test (file): a copy of one into which our migrations have been run. */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { Client, escapeIdentifier } from "pg";
import { inject } from "vitest";
import { MIGRATIONS_DIRECTORY, migrate } from "../../lib/store/migrate.ts";
import { VIEW_NAMES } from "../../lib/store/view-names.ts";
import { silentLog } from "./silent-log.ts";

export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  /** As superuser. */
  readonly connectionString: string;
  /** Also cuts the connections that are still open. */
  drop(): Promise<void>;
}

const TEMPLATE = "template_standpipe";
/** So that of several test files that start together one makes the template. */
const TEMPLATE_LOCK = 4_711;

export interface TestDatabaseOptions {
  /** Without our migrations. */
  readonly empty?: boolean;
  /** Of the server, its database `postgres`, as superuser; the run's own unless told. */
  readonly server?: string;
}

export async function createTestDatabase({ empty = false, server }: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const postgresUrl = server ?? inject("postgresUrl");
  const name = `test_${randomBytes(6).toString("hex")}`;
  await withAdmin(postgresUrl, async (admin) => {
    if (!empty) await ensureTemplate(admin, postgresUrl);
    // Copying files is five times faster than the default of writing all pages to the log.
    const template = empty ? "template0" : TEMPLATE;
    await admin.query(`CREATE DATABASE ${escapeIdentifier(name)} TEMPLATE ${template} STRATEGY FILE_COPY`);
  });
  const drop = () =>
    withAdmin(postgresUrl, async (admin) => {
      await admin.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(name)} WITH (FORCE)`);
    });
  return { name, connectionString: urlOf(postgresUrl, name), drop, [Symbol.asyncDispose]: drop };
}

async function ensureTemplate(admin: Client, postgresUrl: string): Promise<void> {
  await admin.query("SELECT pg_advisory_lock($1)", [TEMPLATE_LOCK]);
  const found = await admin.query("SELECT 1 FROM pg_database WHERE datname = $1", [TEMPLATE]);
  if (found.rowCount === 0) {
    // Under another name until it is whole, so that a migration that fails does not leave half a template.
    const making = `${TEMPLATE}_new`;
    await admin.query(`DROP DATABASE IF EXISTS ${making} WITH (FORCE)`);
    await admin.query(`CREATE DATABASE ${making} TEMPLATE template0 STRATEGY FILE_COPY`);
    if (hasMigrations()) {
      await migrate({
        connectionString: urlOf(postgresUrl, making),
        schema: "public",
        directory: MIGRATIONS_DIRECTORY,
        viewNames: VIEW_NAMES,
        log: silentLog,
      });
    }
    await admin.query(`ALTER DATABASE ${making} RENAME TO ${TEMPLATE}`);
  }
  await admin.query("SELECT pg_advisory_unlock($1)", [TEMPLATE_LOCK]);
}

function hasMigrations(): boolean {
  return existsSync(MIGRATIONS_DIRECTORY) && readdirSync(MIGRATIONS_DIRECTORY).some((name) => name.endsWith(".sql"));
}

async function withAdmin(postgresUrl: string, work: (admin: Client) => Promise<void>): Promise<void> {
  const admin = new Client({ connectionString: postgresUrl });
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}

function urlOf(postgresUrl: string, database: string): string {
  const url = new URL(postgresUrl);
  url.pathname = `/${database}`;
  return url.href;
}

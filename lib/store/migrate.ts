/** A folder of numbered .sql files and a database in, the database with each of them applied once out. */
import { Client, type ClientBase, DatabaseError, escapeIdentifier } from "pg";
import type { Log } from "../telemetry/port.ts";
import { findForeignRelations, markAsOurs } from "./foreign-relations.ts";
import { fullName, MigrationError, type MigrationFile, readMigrations } from "./migration-files.ts";

/** Beside this file in a checkout, beside the bundle (`dist/migrations/`) where installed. */
export const MIGRATIONS_DIRECTORY = new URL("./migrations/", import.meta.url);

export interface MigrateOptions {
  /** A direct connection's address: a pooler that changes sessions would lose the lock. Or an open client, which stays open. */
  readonly connectionString?: string;
  readonly client?: ClientBase;
  /** Where the views go; replaces `{{schema}}` in the files, as a quoted identifier. */
  readonly schema: string;
  /** The folder of `NNNN_name.sql` files. */
  readonly directory: URL;
  /** Relations and functions that the files make in `schema`: none of theirs may be there before that is not ours. */
  readonly viewNames: readonly string[];
  readonly log: Log;
}

/** An advisory lock's key, "standpip" in ASCII as int8: our migrations of one database run one at a time. */
const LOCK_KEY = "8319383628183234928";
/** As in `server_version_num`. */
const OLDEST_SERVER = 170_000;
const SCHEMA_TOKEN = "{{schema}}";

/**
 * Applies what is pending, each file in a transaction of its own together with its ledger entry.
 * @returns the names of the files applied now, such as `0001_schema`.
 * @throws MigrationError where a file was changed after it had been applied, numbers have a gap, the database is newer than the code,
 * another schema was chosen before, or something that is not ours has one of `viewNames`.
 */
export async function migrate(options: MigrateOptions): Promise<{ readonly applied: readonly string[] }> {
  const files = readMigrations(options.directory);
  return await withClient(options, async (client) => {
    await client.query("SELECT pg_advisory_lock($1)", [LOCK_KEY]);
    try {
      return { applied: await applyPending(client, files, options) };
    } finally {
      // Fails only where the connection is gone, and the lock with it.
      await client.query("SELECT pg_advisory_unlock($1)", [LOCK_KEY]).catch(() => {});
    }
  });
}

/** What `migrate` would apply, in order; checks what it checks and changes nothing. */
export async function pendingMigrations(options: Omit<MigrateOptions, "log">): Promise<readonly string[]> {
  const files = readMigrations(options.directory);
  return await withClient(options, async (client) => (await findPending(client, files, options)).map(fullName));
}

async function applyPending(
  client: ClientBase,
  files: readonly MigrationFile[],
  options: MigrateOptions,
): Promise<readonly string[]> {
  const pending = await findPending(client, files, options);
  for (const file of pending) {
    await applyFile(client, file, options);
    options.log.info("migrated the database", { migration: fullName(file) });
  }
  return pending.map(fullName);
}

async function applyFile(
  client: ClientBase,
  file: MigrationFile,
  { schema, viewNames }: Pick<MigrateOptions, "schema" | "viewNames">,
): Promise<void> {
  try {
    await client.query("BEGIN");
    if (file.number === 1) await createLedger(client, schema);
    await client.query(file.sql.replaceAll(SCHEMA_TOKEN, () => escapeIdentifier(schema)));
    await markAsOurs(client, schema, viewNames);
    await client.query(
      "INSERT INTO standpipe.migration (number, name, sha256, view_schema) VALUES ($1, $2, decode($3, 'hex'), $4)",
      [file.number, file.name, file.sha256, schema],
    );
    await client.query("COMMIT");
  } catch (cause) {
    await client.query("ROLLBACK").catch(() => {});
    if (!(cause instanceof DatabaseError) || isTransient(cause)) throw cause;
    const detail = cause.detail === undefined ? "" : ` (${cause.detail})`;
    throw new MigrationError(`migration ${fullName(file)} failed and was rolled back: ${cause.message}${detail}`, {
      cause,
    });
  }
}

/** Connection, rollback by the server, resources, intervention: the same file may well succeed the next time. */
function isTransient(error: DatabaseError): boolean {
  return ["08", "40", "53", "57"].includes(error.code?.slice(0, 2) ?? "");
}

/** In the first file's transaction: a database is either without anything of ours or has a ledger that says what. */
async function createLedger(client: ClientBase, schema: string): Promise<void> {
  await createSchema(client, schema);
  await createSchema(client, "standpipe");
  await client.query(`CREATE TABLE standpipe.migration (
    number int PRIMARY KEY,
    name text NOT NULL,
    sha256 bytea NOT NULL,
    view_schema text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  )`);
}

/** Not IF NOT EXISTS, which wants the right to create schemas also where there is nothing to create. */
async function createSchema(client: ClientBase, name: string): Promise<void> {
  const found = await client.query("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", [name]);
  if (found.rowCount === 0) await client.query(`CREATE SCHEMA ${escapeIdentifier(name)}`);
}

/** All checks, before anything is changed. */
async function findPending(
  client: ClientBase,
  files: readonly MigrationFile[],
  options: Pick<MigrateOptions, "schema" | "viewNames">,
): Promise<readonly MigrationFile[]> {
  await checkServer(client);
  const ledger = await readLedger(client);
  checkLedger(ledger, files);
  checkSchema(ledger, options.schema);
  const pending = files.slice(ledger.length);
  if (pending.length > 0) await refuseForeignRelations(client, options);
  return pending;
}

async function checkServer(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ version: string; number: number; encoding: string }>(
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
       current_setting('server_encoding') AS encoding`,
  );
  const server = rows[0];
  if (server !== undefined && server.number < OLDEST_SERVER) {
    throw new MigrationError(`Postgres ${OLDEST_SERVER / 10_000} or newer is needed, this one is ${server.version}`);
  }
  if (server !== undefined && server.encoding !== "UTF8") {
    throw new MigrationError(
      `the database's encoding is ${server.encoding} and has to be UTF8: make one with ENCODING 'UTF8'`,
    );
  }
}

interface LedgerEntry {
  readonly number: number;
  readonly name: string;
  readonly sha256: string;
  readonly view_schema: string;
}

async function readLedger(client: ClientBase): Promise<readonly LedgerEntry[]> {
  const found = await client.query<{ there: boolean }>(
    "SELECT to_regclass('standpipe.migration') IS NOT NULL AS there",
  );
  if (found.rows[0]?.there !== true) return [];
  const { rows } = await client.query<LedgerEntry>(
    "SELECT number, name, encode(sha256, 'hex') AS sha256, view_schema FROM standpipe.migration ORDER BY number",
  );
  return rows;
}

function checkLedger(ledger: readonly LedgerEntry[], files: readonly MigrationFile[]): void {
  for (const [index, entry] of ledger.entries()) {
    const file = files[index];
    if (file === undefined) {
      throw new MigrationError(
        `the database is newer than this program (it has migration ${fullName(entry)}): use a newer standpipe, or another database`,
      );
    }
    if (entry.number !== file.number || entry.name !== file.name || entry.sha256 !== file.sha256) {
      throw new MigrationError(
        `the database has another migration ${fullName(entry)} than this program's ${fullName(file)}: ` +
          "an applied migration must not be changed; use the program that made the database, or another database",
      );
    }
  }
}

function checkSchema(ledger: readonly LedgerEntry[], schema: string): void {
  const stored = ledger[0]?.view_schema;
  if (stored === undefined || stored === schema) return;
  throw new MigrationError(
    `DATABASE_SCHEMA is ${schema}, but this database has its views in ${stored}: set DATABASE_SCHEMA=${stored}, or move them by hand ` +
      `(ALTER VIEW and ALTER FUNCTION … SET SCHEMA ${escapeIdentifier(schema)}, then UPDATE standpipe.migration SET view_schema)`,
  );
}

async function refuseForeignRelations(
  client: ClientBase,
  { schema, viewNames }: Pick<MigrateOptions, "schema" | "viewNames">,
): Promise<void> {
  const foreign = await findForeignRelations(client, schema, viewNames);
  if (foreign.length === 0) return;
  throw new MigrationError(
    `schema ${schema} has ${foreign.map(({ kind, name }) => `${name} (${kind})`).join(", ")} that standpipe did not make: ` +
      "set DATABASE_SCHEMA to another schema (it is made if missing), and nothing of yours is touched",
  );
}

async function withClient<T>(
  options: Pick<MigrateOptions, "client" | "connectionString">,
  work: (client: ClientBase) => Promise<T>,
): Promise<T> {
  if (options.client !== undefined) return await work(options.client);
  const client = new Client({ connectionString: options.connectionString, application_name: "standpipe migrate" });
  // A connection that is lost also fails the query in hand, which says so; unheard, the event would end the process.
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

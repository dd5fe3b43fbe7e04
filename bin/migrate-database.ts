/** An address of a database and our settings in, the database with every migration applied out. */
import type { Settings } from "../lib/config/processes.ts";
import type { PoolLogin } from "../lib/credentials/database-login.ts";
import { sessionAddress } from "../lib/credentials/session-address.ts";
import { MIGRATIONS_DIRECTORY, migrate, pendingMigrations } from "../lib/store/migrate.ts";
import { VIEW_NAMES } from "../lib/store/view-names.ts";
import type { Log } from "../lib/telemetry/port.ts";

export interface MigrateDatabaseOptions {
  readonly connectionString: string;
  readonly settings: Pick<Settings<"migrate">, "DATABASE_SCHEMA">;
  readonly log: Log;
}

/** The names of the migrations applied now. @throws MigrationError */
export async function migrateDatabase(options: MigrateDatabaseOptions): Promise<readonly string[]> {
  const { connectionString, settings, log } = options;
  const { applied } = await migrate({
    connectionString,
    schema: settings.DATABASE_SCHEMA,
    directory: MIGRATIONS_DIRECTORY,
    viewNames: VIEW_NAMES,
    log,
  });
  return applied;
}

/** Who owns the database has not brought it to this version yet: it may be about to. */
export class NotMigratedError extends Error {
  override readonly name = "NotMigratedError";
}

/** For a process that is no owner of its database. @throws NotMigratedError, and MigrationError where the database is another one's. */
export async function checkMigrated(
  options: Omit<MigrateDatabaseOptions, "log"> & { readonly login: PoolLogin },
): Promise<void> {
  const { connectionString, login, settings } = options;
  const pending = await pendingMigrations({
    connectionString: await sessionAddress(connectionString, login),
    schema: settings.DATABASE_SCHEMA,
    directory: MIGRATIONS_DIRECTORY,
    viewNames: VIEW_NAMES,
  });
  if (pending.length === 0) return;
  throw new NotMigratedError(
    `the database lacks migrations (${pending.join(", ")}): the function migrate brings them with a deployment`,
  );
}

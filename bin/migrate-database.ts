/** An address of a database and our settings in, the database with every migration applied out. */
import type { Settings } from "../lib/config/processes.ts";
import { MIGRATIONS_DIRECTORY, migrate } from "../lib/store/migrate.ts";
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

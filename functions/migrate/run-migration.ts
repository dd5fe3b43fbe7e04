/** The owner's address in, the database at this version out, with the roles that the other functions come in as. */
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import { databaseLoginOptions } from "../../lib/config/database-login.ts";
import type { Settings } from "../../lib/config/processes.ts";
import { createDatabaseLogin, isRefusedLogin, type PoolLogin } from "../../lib/credentials/database-login.ts";
import { sessionAddress } from "../../lib/credentials/session-address.ts";
import { MIGRATIONS_DIRECTORY, migrate } from "../../lib/store/migrate.ts";
import { repairRoles } from "../../lib/store/repair-roles.ts";
import { VIEW_NAMES } from "../../lib/store/view-names.ts";
import type { Log } from "../../lib/telemetry/port.ts";
import { checkRoles } from "./check-roles.ts";
import { explainFailure } from "./explain-failure.ts";

export interface MigrationRun {
  readonly settings: Settings<"migrate">;
  readonly log: Log;
  /** Beside the bundle; elsewhere in tests. */
  readonly directory?: URL;
}

/**
 * For the locks that a migration waits for, and for one statement of it: below the function's 15 minutes, so that it ends with the
 * database's own words. Said at the start of the session, which the instance's endpoint takes and a pooler would not.
 */
const SESSION_LIMITS = "-c lock_timeout=60s -c statement_timeout=13min";

/** @throws MigrationFailure whose message a person can act on. */
export async function runMigration(run: MigrationRun): Promise<{ readonly applied: readonly string[] }> {
  try {
    return await asOwner(run.settings, async (connectionString) => {
      const { directory = MIGRATIONS_DIRECTORY, settings } = run;
      const place = { connectionString, schema: settings.DATABASE_SCHEMA, directory };
      const { applied } = await migrate({
        ...place,
        viewNames: VIEW_NAMES,
        log: run.log,
      });
      // Nobody else comes in as the owner: calling this function is how roles that somebody changed are mended.
      await repairRoles(place);
      await checkRoles({ connectionString });
      run.log.info("the database is at this version", { applied: applied.length });
      return { applied };
    });
  } catch (error) {
    throw explainFailure(error, run.settings.DATABASE_URL);
  }
}

async function asOwner<T>(settings: Settings<"migrate">, work: (connectionString: string) => Promise<T>): Promise<T> {
  const address = settings.DATABASE_URL;
  if (address === null) throw new ConfigurationError("DATABASE_URL is not set: must be the database to migrate");
  const login = createDatabaseLogin({
    address,
    ...databaseLoginOptions(settings),
    nowMs: Date.now,
  });
  try {
    return await work(await limitedAddress(address, await login.open()));
  } catch (error) {
    // A secret that was rotated between its reading and the log-in is read once more.
    if (!isRefusedLogin(error) || !login.forget()) throw error;
    return await work(await limitedAddress(address, await login.open()));
  }
}

/** With the limits of the session. */
async function limitedAddress(address: string, login: PoolLogin | undefined): Promise<string> {
  const url = new URL(await sessionAddress(address, login));
  const given = url.searchParams.get("options");
  url.searchParams.set("options", given === null ? SESSION_LIMITS : `${SESSION_LIMITS} ${given}`);
  return url.href;
}

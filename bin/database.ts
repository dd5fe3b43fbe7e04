/** Which database a command works with: the one of DATABASE_URL, or the embedded one of the data directory. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ConfigurationError } from "../lib/config/configuration-error.ts";
import { databaseLoginOptions, type LoginSettings } from "../lib/config/database-login.ts";
import type { Settings } from "../lib/config/processes.ts";
import type { PoolLogin } from "../lib/credentials/database-login.ts";
import { borrowEmbeddedPostgres } from "../lib/store/embedded/borrow.ts";
import { DEFAULT_DATABASE } from "../lib/store/embedded/directory.ts";
import type { Log } from "../lib/telemetry/port.ts";

export interface Database extends AsyncDisposable {
  /** Holds the password, which may be good for some minutes only: for the first session, and not for logs. */
  readonly connectionString: string;
  /** For pools, which connect again later: stands for user, password and TLS of the address. Undefined where the address says all. */
  readonly login: PoolLogin | undefined;
}

/** Database of the embedded server that `start --demo` fills. */
export const DEMO_DATABASE = "demo";

export interface BorrowOptions {
  readonly settings: Pick<Settings<"sql">, "DATABASE_URL" | "STANDPIPE_DATA_DIR" | keyof LoginSettings>;
  readonly log: Log;
  /** What this process runs, such as `standpipe sql`. */
  readonly command: string;
  /** The demo's database of the embedded server, whatever DATABASE_URL says. */
  readonly demo?: boolean;
  /** Make the embedded database where there is none yet. */
  readonly create?: boolean;
}

/**
 * For commands that look or change something and end. The embedded server is used where it runs, and otherwise started for the time needed.
 *
 * @throws ConfigurationError where there is no embedded database yet and none is to be made.
 */
export async function borrowDatabase(options: BorrowOptions): Promise<Database> {
  const { settings, log, command } = options;
  const { DATABASE_URL: address, STANDPIPE_DATA_DIR: dataDir } = settings;
  if (address !== null) {
    if (options.demo === true)
      throw new ConfigurationError("--demo: the demo is in the embedded database: unset DATABASE_URL");
    return { ...(await loggedIn(address, settings)), [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  if (options.create !== true && !existsSync(join(dataDir, "postgres"))) {
    throw new ConfigurationError(
      `no database in ${dataDir} yet: run standpipe start first, or set STANDPIPE_DATA_DIR or DATABASE_URL`,
    );
  }
  const server = await borrowEmbeddedPostgres({ dataDir, log, command });
  const database = options.demo === true ? DEMO_DATABASE : DEFAULT_DATABASE;
  if (options.demo !== true) await server.ensureDatabase(database);
  return {
    connectionString: server.connectionString(database),
    login: undefined,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** With tokens of IAM or a managed secret, as the tasks on AWS do; most have the password in the address. */
async function loggedIn(
  address: string,
  settings: BorrowOptions["settings"],
): Promise<Pick<Database, "connectionString" | "login">> {
  if (settings.DATABASE_AUTH === "password" && settings.DATABASE_SECRET_ARN === null) {
    return { connectionString: address, login: undefined };
  }
  // The AWS clients take a quarter of a second to load, which nobody else has to pay for.
  const { createDatabaseLogin } = await import("../lib/credentials/database-login.ts");
  const { sessionAddress } = await import("../lib/credentials/session-address.ts");
  const login = await createDatabaseLogin({ address, ...databaseLoginOptions(settings), nowMs: Date.now }).open();
  return { connectionString: await sessionAddress(address, login), login };
}

/** Which database a command works with: the one of DATABASE_URL, or the embedded one of the data directory. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ConfigurationError } from "../lib/config/configuration-error.ts";
import type { Settings } from "../lib/config/processes.ts";
import { borrowEmbeddedPostgres } from "../lib/store/embedded/borrow.ts";
import { DEFAULT_DATABASE } from "../lib/store/embedded/directory.ts";
import type { Log } from "../lib/telemetry/port.ts";

export interface Database extends AsyncDisposable {
  /** Holds the password: not for logs. */
  readonly connectionString: string;
}

/** Database of the embedded server that `start --demo` fills. */
export const DEMO_DATABASE = "demo";

export interface BorrowOptions {
  readonly settings: Pick<Settings<"sql">, "DATABASE_URL" | "STANDPIPE_DATA_DIR">;
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
    return { connectionString: address, [Symbol.asyncDispose]: () => Promise.resolve() };
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
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

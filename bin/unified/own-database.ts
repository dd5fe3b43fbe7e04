/** The database of a process that lives long: the one of DATABASE_URL, or the embedded server, which then belongs to this process. */
import type { Settings } from "../../lib/config/processes.ts";
import { DEFAULT_DATABASE } from "../../lib/store/embedded/directory.ts";
import { type EmbeddedPostgres, openEmbeddedPostgres } from "../../lib/store/embedded/embedded-postgres.ts";
import type { Log } from "../../lib/telemetry/port.ts";

export interface OwnDatabase extends AsyncDisposable {
  /** Holds the password. */
  readonly connectionString: string;
  /** For the screen: of an embedded server whole, since it is the user's own; of another one without its password. */
  readonly shown: string;
  readonly embedded: EmbeddedPostgres | null;
}

export interface OwnDatabaseOptions {
  readonly settings: Pick<Settings<"start">, "DATABASE_URL" | "STANDPIPE_DATA_DIR">;
  readonly log: Log;
  readonly command: string;
  /** Another process has taken the data directory over: this one has to stop. */
  readonly onLost: (error: Error) => void;
}

/** Disposing stops the embedded server. @throws DataDirectoryInUseError, EmbeddedPostgresError */
export async function ownDatabase(options: OwnDatabaseOptions): Promise<OwnDatabase> {
  const { settings, log, command, onLost } = options;
  const { DATABASE_URL: address, STANDPIPE_DATA_DIR: dataDir } = settings;
  if (address !== null) {
    const dispose = (): Promise<void> => Promise.resolve();
    return {
      connectionString: address,
      shown: withoutPassword(address),
      embedded: null,
      [Symbol.asyncDispose]: dispose,
    };
  }
  const embedded = await openEmbeddedPostgres({ dataDir, log, command, onOwnershipLost: onLost });
  await embedded.ensureDatabase(DEFAULT_DATABASE);
  const connectionString = embedded.connectionString(DEFAULT_DATABASE);
  return {
    connectionString,
    shown: `${connectionString} (embedded, in ${dataDir})`,
    embedded,
    [Symbol.asyncDispose]: () => embedded[Symbol.asyncDispose](),
  };
}

/** `postgres://me:secret@host/db?sslkey=…` → `postgres://me:***@host/db`. */
export function withoutPassword(address: string): string {
  const url = new URL(address);
  if (url.password !== "") url.password = "***";
  // Parameters may hold passwords as well.
  url.search = "";
  return url.href;
}

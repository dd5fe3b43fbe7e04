/** What goes wrong with the embedded server, in words that say what to do about it. */

/** Every way out that works on any machine; ends the messages of errors that only the user can mend. */
export const OTHER_WAYS = "or set DATABASE_URL to a Postgres of your own";

/** The server could not be created, started, reached or stopped. The message says where and how to mend it. */
export class EmbeddedPostgresError extends Error {
  override readonly name = "EmbeddedPostgresError";
}

/** There is no data directory at the path that was given, and none can be made. */
export class DataDirectoryError extends Error {
  override readonly name = "DataDirectoryError";

  constructor(dataDir: string, options: { readonly cause: unknown }) {
    const why = options.cause instanceof Error ? options.cause.message : String(options.cause);
    super(
      `STANDPIPE_DATA_DIR=${dataDir}: cannot be used (${why}): must be a directory, or a place where one can be made`,
      options,
    );
  }
}

/** What is in the data directory is not a database that these binaries can open: another one has to be named. */
export class ForeignClusterError extends Error {
  override readonly name = "ForeignClusterError";
}

/** Who holds a data directory; null where the holder does not say. */
export interface DirectoryHolder {
  readonly pid: number | null;
  /** What it runs, such as `standpipe start`. */
  readonly command: string;
  readonly since: Date | null;
}

/** A live process owns this data directory already. */
export class DataDirectoryInUseError extends Error {
  override readonly name = "DataDirectoryInUseError";
  readonly dataDir: string;
  readonly holder: DirectoryHolder;

  constructor(dataDir: string, holder: DirectoryHolder) {
    const who = holder.pid === null ? holder.command : `${holder.command}, pid ${holder.pid}`;
    const since = holder.since === null ? "" : ` since ${holder.since.toISOString()}`;
    super(
      `${dataDir} is in use by another process (${who})${since}: stop it, or set STANDPIPE_DATA_DIR to another directory`,
    );
    this.dataDir = dataDir;
    this.holder = holder;
  }
}

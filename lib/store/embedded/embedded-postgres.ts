/** The owner's side of the embedded server: it starts or adopts it, keeps it running, and stops it last. */
import { setTimeout as delay } from "node:timers/promises";
import { isAlive } from "./cluster.ts";
import {
  connectionString,
  DEFAULT_DATABASE,
  type Directory,
  type EmbeddedPostgresOptions,
  type Origin,
  openDirectory,
  type Visit,
  visit,
} from "./directory.ts";
import { DataDirectoryInUseError } from "./errors.ts";
import { boundLogFile } from "./log-file.ts";
import { stopServer } from "./server.ts";
import type { Session } from "./session.ts";

export interface EmbeddedPostgres extends AsyncDisposable {
  readonly port: number;
  readonly origin: Origin;
  readonly logFile: string;
  /** Holds the password: not for logs. The same for as long as this object lives. */
  connectionString(database?: string): string;
  /** True where it was not there before. */
  ensureDatabase(database?: string): Promise<boolean>;
}

export interface OwnerOptions extends EmbeddedPostgresOptions {
  /**
   * Called where another process has become the owner after the server died under us, which only happens to a process that stood
   * still: it has to end, and its fence is gone as well.
   */
  readonly onOwnershipLost?: (error: DataDirectoryInUseError) => void;
}

/** A killed owner's lock goes when the server sees its socket closed; one that stops takes as long as both ways to stop. */
const LEAVING_OWNER_LIMIT_MS = 15_000;
/** An owner that has begun to stop needs a moment to say so: before that, nobody is turned away. */
const SAY_SO_LIMIT_MS = 1_000;
const LOCK_RETRY_MS = 50;
const RESTART_BACKOFF_MS = { first: 100, most: 5_000 };
const LOG_CHECK_MS = 60_000;

/**
 * Becomes the owner of a data directory and of its server, which outlives a kill of this process and is adopted by the next owner.
 * Disposing stops the server, so it has to come after everything that uses it.
 * @throws DataDirectoryInUseError where another process is the owner; EmbeddedPostgresError where there is no server to be had.
 */
export async function openEmbeddedPostgres(options: OwnerOptions): Promise<EmbeddedPostgres> {
  const directory = await openDirectory(options, "owner");
  const first = await visit(directory, {
    fixedPort: null,
    settle: (session) => takeOwnership(session, options.dataDir),
  });
  return new OwnedPostgres(directory, first, options);
}

/** False where the server is about to stop. */
async function takeOwnership(session: Session, dataDir: string): Promise<boolean> {
  const begin = performance.now();
  while (!(await session.tryLock("owner"))) {
    const holder = await session.ownerHolder();
    const willGo = holder === null || holder.closing || (holder.pid !== null && !isAlive(holder.pid));
    if (performance.now() - begin > (willGo ? LEAVING_OWNER_LIMIT_MS : SAY_SO_LIMIT_MS)) {
      throw new DataDirectoryInUseError(dataDir, holder ?? { pid: null, command: "unknown", since: null });
    }
    await delay(LOCK_RETRY_MS);
  }
  return true;
}

class OwnedPostgres implements EmbeddedPostgres {
  readonly port: number;
  readonly origin: Origin;
  readonly logFile: string;
  readonly #directory: Directory;
  readonly #options: OwnerOptions;
  readonly #closing = new AbortController();
  readonly #supervision: Promise<void>;
  readonly #logCheck: NodeJS.Timeout;
  /** Null while the server is away, and once another process owns it. */
  #session: Session | null;

  constructor(directory: Directory, { session, server, origin }: Visit, options: OwnerOptions) {
    this.port = server.port;
    this.origin = origin;
    this.logFile = directory.logFile;
    this.#directory = directory;
    this.#options = options;
    this.#session = session;
    this.#logCheck = setInterval(() => boundLogFile(directory.logFile), LOG_CHECK_MS).unref();
    this.#supervision = this.#supervise(session);
  }

  connectionString(database = DEFAULT_DATABASE): string {
    return connectionString(this.#directory, this.port, database);
  }

  async ensureDatabase(database = DEFAULT_DATABASE): Promise<boolean> {
    const { session } = await this.#visitAgain();
    await using own = session;
    return await own.createDatabase(database);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    // Before the signal: a session that ends from now on is not to be brought back.
    this.#closing.abort();
    clearInterval(this.#logCheck);
    await this.#session?.announceClosing().catch(() => {});
    // A restart that is under way is waited for, since a server that comes up after we have gone would stay.
    if (this.#session === null) await this.#supervision;
    // Still null where another process is the owner now, or there is no server at all.
    if (this.#session === null) return;
    await using _session = this.#session;
    const how = await stopServer(this.#directory.cluster.directory);
    if (how !== "immediate") return;
    this.#options.log.warn("the embedded Postgres had to be stopped hard; it recovers at its next start");
  }

  #visitAgain(): Promise<Visit> {
    return visit(this.#directory, { fixedPort: this.port, settle: () => Promise.resolve(true) });
  }

  /** Brings the server back whenever it dies, until we close or another owner has come. */
  async #supervise(first: Session): Promise<void> {
    let session: Session | null = first;
    while (session !== null) {
      await session.ended;
      if (this.#closing.signal.aborted) return;
      this.#session = null;
      this.#options.log.warn("the embedded Postgres is gone, starting it again", { log: this.logFile });
      session = await this.#bringBack();
      this.#session = session;
      if (this.#closing.signal.aborted) return;
    }
  }

  async #bringBack(): Promise<Session | null> {
    let waitMs = RESTART_BACKOFF_MS.first;
    while (!this.#closing.signal.aborted) {
      try {
        const settle = (session: Session) => takeOwnership(session, this.#options.dataDir);
        const { session } = await visit(this.#directory, { fixedPort: this.port, settle });
        this.#options.log.info("the embedded Postgres is back");
        return session;
      } catch (error) {
        if (error instanceof DataDirectoryInUseError) {
          this.#options.log.error("another process has taken the data directory", { error: error.message });
          this.#options.onOwnershipLost?.(error);
          return null;
        }
        this.#options.log.error("the embedded Postgres does not come back", { error: String(error) });
      }
      await delay(waitMs, undefined, { signal: this.#closing.signal }).catch(() => {});
      waitMs = Math.min(waitMs * 2, RESTART_BACKOFF_MS.most);
    }
    return null;
  }
}

/** One connection to the embedded server for our own bookkeeping: locks that end with the process that holds them. */
import { Client } from "pg";
import { SUPERUSER } from "./cluster.ts";
import type { DirectoryHolder } from "./errors.ts";

/** Where the bookkeeping happens: advisory locks belong to one database. */
export const ADMIN_DATABASE = "postgres";

/** First key of our advisory locks there, "STPI". */
const LOCK_CLASS = 0x53_54_50_49;
/**
 * `owner`: held for the life of the one that runs the server. `user`: shared, by each that uses it for a moment.
 * `leaving`: one at a time looks whether it is the last.
 */
const LOCK_KEYS = { owner: 1, user: 2, leaving: 3 } as const;
export type LockName = keyof typeof LOCK_KEYS;

/** Marks a session that is about to stop the server; who meets it waits instead of refusing. */
const CLOSING_SUFFIX = " (closing)";
const CONNECT_LIMIT_MS = 10_000;

export interface SessionOptions {
  readonly port: number;
  readonly password: string;
  /** What this process runs, such as `standpipe start`; others are told it. */
  readonly command: string;
}

export class Session implements AsyncDisposable {
  /** Resolves when the connection is gone, whoever ended it. Never rejects. */
  readonly ended: Promise<void>;
  readonly #client: Client;
  readonly #command: string;

  private constructor(client: Client, command: string) {
    this.#client = client;
    this.#command = command;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    client.on("error", () => resolve());
    client.on("end", () => resolve());
  }

  static async open({ port, password, command }: SessionOptions): Promise<Session> {
    const client = new Client({
      host: "127.0.0.1",
      port,
      user: SUPERUSER,
      password,
      // Loopback; said here, so that no PGSSLMODE of the environment asks for more.
      ssl: false,
      database: ADMIN_DATABASE,
      application_name: describeSelf(command),
      connectionTimeoutMillis: CONNECT_LIMIT_MS,
      keepAlive: true,
    });
    const session = new Session(client, command);
    await client.connect();
    return session;
  }

  async tryLock(name: LockName, { shared = false }: { readonly shared?: boolean } = {}): Promise<boolean> {
    const call = shared ? "pg_try_advisory_lock_shared" : "pg_try_advisory_lock";
    return (await this.#value(`SELECT ${call}($1, $2) AS value`, lockKeys(name))) === true;
  }

  /** Waits as long as others hold it. */
  async lock(name: LockName, { shared = false }: { readonly shared?: boolean } = {}): Promise<void> {
    const call = shared ? "pg_advisory_lock_shared" : "pg_advisory_lock";
    await this.#value(`SELECT ${call}($1, $2)::text AS value`, lockKeys(name));
  }

  /** Who holds the owner's lock; null where nobody does (any more). */
  async ownerHolder(): Promise<(DirectoryHolder & { readonly closing: boolean }) | null> {
    const { rows } = await this.#client.query<{ application_name: string; backend_start: Date }>(
      `SELECT a.application_name, a.backend_start
       FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
       WHERE l.locktype = 'advisory' AND l.classid = $1 AND l.objid = $2 AND l.granted
         AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())`,
      [...lockKeys("owner")],
    );
    const row = rows[0];
    return row === undefined ? null : { ...parseSelf(row.application_name), since: row.backend_start };
  }

  /** From now on whoever is refused the owner's lock because of us waits for the server's end. */
  async announceClosing(): Promise<void> {
    await this.#value("SELECT set_config('application_name', $1, false) AS value", [
      describeSelf(this.#command) + CLOSING_SUFFIX,
    ]);
  }

  /** A setting of the server, or null where there is none of this name. */
  async setting(name: string): Promise<string | null> {
    const value = await this.#value("SELECT current_setting($1, true) AS value", [name]);
    return typeof value === "string" ? value : null;
  }

  /** True where it was not there. */
  async createDatabase(name: string): Promise<boolean> {
    const found = await this.#client.query("SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", [name]);
    if (found.rowCount !== 0) return false;
    try {
      await this.#client.query(
        `CREATE DATABASE ${this.#client.escapeIdentifier(name)} TEMPLATE template0 ENCODING 'UTF8'`,
      );
      return true;
    } catch (error) {
      if (isAlreadyThere(error)) return false;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end().catch(() => {});
  }

  async #value(sql: string, parameters: readonly unknown[]): Promise<unknown> {
    const { rows } = await this.#client.query<{ value: unknown }>(sql, [...parameters]);
    return rows[0]?.value;
  }
}

function lockKeys(name: LockName): readonly [number, number] {
  return [LOCK_CLASS, LOCK_KEYS[name]];
}

/** duplicate_database, or unique_violation where two create it at the same instant. */
function isAlreadyThere(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "42P04" || error.code === "23505");
}

/** An application name holds 63 bytes: the number first, so that a long command cannot cut it off. */
function describeSelf(command: string): string {
  return `[${process.pid}] ${command}`.slice(0, 63 - CLOSING_SUFFIX.length);
}

function parseSelf(applicationName: string): Omit<DirectoryHolder, "since"> & { readonly closing: boolean } {
  const closing = applicationName.endsWith(CLOSING_SUFFIX);
  const name = closing ? applicationName.slice(0, -CLOSING_SUFFIX.length) : applicationName;
  const match = /^\[(\d+)\] (.*)$/.exec(name);
  return { pid: match?.[1] === undefined ? null : Number(match[1]), command: match?.[2] ?? name, closing };
}

/** The store on Postgres: connections, names, marks and transactions put together. */
import { randomUUID } from "node:crypto";
import pg from "pg";
import type { Log } from "../telemetry/port.ts";
import { createMarks } from "./marks.ts";
import { NameDictionary } from "./names.ts";
import { type Store, StoreError, type StoreTransaction, type WorkMarks } from "./port.ts";
import { MISSING_PARTITION, storeError } from "./postgres-errors.ts";
import type { Queries } from "./queries-port.ts";
import { createTransaction } from "./transaction.ts";

/** How to log in where the address does not say it: its password may change while the pool lives. */
export interface PoolLogin {
  readonly user: string;
  /** Asked for each new connection. */
  readonly password: () => Promise<string>;
  /** Only over TLS, and only with a server whose certificate is for this host and of an authority that Node trusts. */
  readonly verifiesTls: boolean;
}

export interface PostgresStoreOptions {
  readonly connectionString: string;
  /** Stands for the user, the password and the TLS of `connectionString`, of which host, port and database are left. */
  readonly login?: PoolLogin | undefined;
  /** Connections at the most. */
  readonly poolSize: number;
  readonly log: Log;
  /** Of the usual waits for an answer; 1 where it is not given. */
  readonly waitShare?: number;
  /** Connecting takes no longer; milliseconds. */
  readonly connectTimeoutMs?: number;
  /**
   * How soon the server notices in the middle of a statement that `cut` has closed the connection, and gives up its locks; milliseconds.
   * Without it, at the statement's end. Only on systems where Postgres can (`client_connection_check_interval`): Linux among them.
   */
  readonly noticeCutAfterMs?: number;
  /** One statement of a transaction takes no longer, whatever role and database say: it ends with 57014. Milliseconds; without it, without end. */
  readonly statementLimitMs?: number;
}

export interface PostgresStore extends Store, AsyncDisposable {
  /** Cuts the transactions under way: they reject, and roll back. For a stop that cannot wait for a database that hangs. */
  cut(): void;
  /** For queries of status, dead letters and the cursor: the same few connections. */
  readonly pool: pg.Pool;
}

/**
 * In one message, and local to the transaction, so that a pooler between us and the server does not mind. A lock that somebody
 * holds on a table is told as trouble after half a minute; a time limit of the database's own would end the same batch again
 * and again, unless its caller goes on in parts (`statementLimitMs`); and a process that froze in the middle must not block its successor. The
 * functions count on statements that see what others have committed meanwhile, whatever the database's default is.
 */
const BEGIN = `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '60s'`;
/** Opening is not dropping: that is done with the setting TOMBSTONE_DAYS, by whoever keeps house. */
const KEEP_ALL_DAYS = 36_500;
const CONNECT_TIMEOUT_MS = 10_000;
/** Nothing of ours runs so long: what does not answer by then is a connection that died without a word, and is given up. */
const QUERY_TIMEOUT_MS = 120_000;
/** A network that swallows packets is noticed by the system's probes, not after its default of two hours. */
const KEEP_ALIVE_AFTER_MS = 10_000;
/** Longer than the client's 10 s, so that a quiet minute does not throw away the plans of the functions. */
const IDLE_TIMEOUT_MS = 60_000;

/** No connection is made before the first call. */
export function createPostgresStore(options: PostgresStoreOptions): PostgresStore {
  const pool = createPool(options);
  const names = new NameDictionary();
  const busy = new Set<pg.PoolClient>();
  let isEnding = false;
  pool.on("connect", () => names.forget());
  const marks: WorkMarks = createMarks(pool, randomUUID());
  pool.on("error", (error) => {
    names.forget();
    // The pool's end does not wait for the connections' own, which the server may cut in the same moment as it stops.
    if (!isEnding) options.log.warn("a database connection was lost", { error: error.message });
  });
  return {
    pool,
    marks,
    relayId: (relay, epoch) => asStoreErrors(names.relayId(pool, relay, epoch)),
    transact: (work) => transact({ pool, names, busy, begin: beginText(options) }, work),
    cut() {
      for (const client of busy) void client.end().catch(() => undefined);
    },
    async [Symbol.asyncDispose]() {
      isEnding = true;
      await pool.end();
    },
  };
}

function beginText({
  noticeCutAfterMs,
  statementLimitMs = 0,
}: Pick<PostgresStoreOptions, "noticeCutAfterMs" | "statementLimitMs">): string {
  const limited = `${BEGIN}; SET LOCAL statement_timeout = ${Math.round(statementLimitMs)}`;
  return noticeCutAfterMs === undefined
    ? limited
    : `${limited}; SET LOCAL client_connection_check_interval = ${Math.round(noticeCutAfterMs)}`;
}

/** Also for short-lived commands. */
export function createPool({
  connectionString,
  login,
  poolSize,
  waitShare = 1,
  connectTimeoutMs = CONNECT_TIMEOUT_MS * waitShare,
}: Omit<PostgresStoreOptions, "log">): pg.Pool {
  const pool = new pg.Pool({
    ...(login === undefined ? { connectionString } : loginConfig(connectionString, login)),
    max: poolSize,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: QUERY_TIMEOUT_MS * waitShare,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    application_name: "standpipe",
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
  });
  // The pool listens only while a connection lies in it. A server that goes may say so in one read with an answer, just when the next
  // work is given the connection and cannot listen yet: unheard, the event would end the process. The query in hand fails and says it.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

/** In parts: `pg` would take an address's empty password before the one that is asked for. */
function loginConfig(connectionString: string, { user, password, verifiesTls }: PoolLogin): pg.PoolConfig {
  const { hostname, port, pathname } = new URL(connectionString);
  return {
    host: decodeURIComponent(hostname),
    ...(port !== "" && { port: Number(port) }),
    database: decodeURIComponent(pathname.slice(1)) || user,
    user,
    password,
    ssl: verifiesTls ? { rejectUnauthorized: true } : false,
  };
}

interface Connections {
  readonly pool: pg.Pool;
  readonly names: NameDictionary;
  /** Those with a transaction under way. */
  readonly busy: Set<pg.PoolClient>;
  readonly begin: string;
}

async function transact<Result>(
  { pool, names, busy, begin }: Connections,
  work: (transaction: StoreTransaction) => Promise<Result>,
): Promise<Result> {
  const client = await asStoreErrors(pool.connect());
  busy.add(client);
  let isUsable = true;
  try {
    // Only what the database says becomes a StoreError; faults of our own code stay what they are.
    const queries: Queries = {
      query: (text: string | pg.QueryConfig, values?: unknown[]) => asStoreErrors(client.query(text, values)),
    };
    const transaction = inTransaction(queries, begin);
    const result = await work(createTransaction(transaction.queries, names.on(transaction.before)));
    await queries.query("COMMIT");
    return result;
  } catch (error) {
    isUsable = answered(error) && (await rollBack(client));
    // Trouble may be a server that was replaced by an older state of itself, behind a pooler that kept our connection.
    if (!isUsable || (error instanceof StoreError && error.kind === "transient")) {
      names.forget();
    }
    await mend(client, error);
    throw error;
  } finally {
    busy.delete(client);
    client.release(!isUsable);
  }
}

/**
 * The transaction begins with its first query, and names are resolved before that, each in a transaction of its own: who adds one holds it
 * until it commits, and two batches of a new database would wait for each other's names from their first statement to their last.
 */
function inTransaction(queries: Queries, begin: string): { readonly queries: Queries; readonly before: Queries } {
  let begun: Promise<unknown> | undefined;
  return {
    queries: {
      query: async (text: string | pg.QueryConfig, values?: unknown[]) => {
        begun ??= queries.query(begin);
        await begun;
        return queries.query(text as string, values);
      },
    },
    before: {
      query: (text: string | pg.QueryConfig, values?: unknown[]) => {
        // A rollback would take the numbers back, which are remembered.
        if (begun !== undefined) throw new TypeError("names are resolved before the first query of a transaction");
        return queries.query(text as string, values);
      },
    },
  };
}

/** A machine that slept past the days opened ahead finds no partition for today: it is opened here, and the batch comes again. */
async function mend(client: pg.ClientBase, error: unknown): Promise<void> {
  if (error instanceof StoreError && error.code === MISSING_PARTITION) {
    await client.query("SELECT standpipe.turn_tombstones($1)", [KEEP_ALL_DAYS]).catch(() => undefined);
  }
}

/** Whether the connection is alive: the fault came from the server (SQLSTATE has five characters) or from our own code. */
function answered(error: unknown): boolean {
  return !(error instanceof StoreError) || error.code?.length === 5;
}

function rollBack(client: pg.ClientBase): Promise<boolean> {
  return client.query("ROLLBACK").then(
    () => true,
    () => false,
  );
}

async function asStoreErrors<Result>(promise: Promise<Result>): Promise<Result> {
  try {
    return await promise;
  } catch (error) {
    throw storeError(error);
  }
}

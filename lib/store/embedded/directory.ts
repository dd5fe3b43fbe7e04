/** A data directory in, a session with its running server out: the steps that owner and borrower share. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../telemetry/port.ts";
import { type BinariesOptions, locateBinaries, type PostgresBinaries } from "./binaries.ts";
import { type Cluster, openCluster, SUPERUSER } from "./cluster.ts";
import { EmbeddedPostgresError } from "./errors.ts";
import { ensureServer, type ReadyServer } from "./server.ts";
import { Session } from "./session.ts";
import type { ServerSettings } from "./settings.ts";

/** The database that everything is in, unless a caller says otherwise. */
export const DEFAULT_DATABASE = "standpipe";

export interface EmbeddedPostgresOptions {
  /** Holds `postgres/` (the cluster) and `postgres.log`. Made where it is missing; relative paths are taken from the working directory. */
  readonly dataDir: string;
  readonly log: Log;
  /** What this process runs, such as `standpipe start`; a second owner is told it. */
  readonly command: string;
  /** Server settings that differ from the usual ones, for a server that is started now. */
  readonly settings?: ServerSettings;
  /** Which binaries; for tests. */
  readonly binaries?: BinariesOptions;
}

/** How the server came to run: `recovered` after one that died, `adopted` where one ran already. */
export type Origin = "created" | "started" | "recovered" | "adopted";

/** The custom setting that tells later visitors that nobody meant this server to stay. */
export const PURPOSE_SETTING = "standpipe.purpose";

export interface Directory {
  readonly cluster: Cluster;
  readonly binaries: PostgresBinaries;
  readonly logFile: string;
  readonly options: EmbeddedPostgresOptions;
  readonly settings: ServerSettings;
}

export async function openDirectory(options: EmbeddedPostgresOptions, purpose: "owner" | "brief"): Promise<Directory> {
  const dataDir = resolve(options.dataDir);
  const binaries = locateBinaries(options.binaries);
  const onCreate = () => options.log.info(`creating the database in ${options.dataDir}, which takes a moment`);
  const cluster = await openCluster({ dataDir, binaries, onCreate });
  const settings = { ...options.settings, [PURPOSE_SETTING]: purpose };
  return { cluster, binaries, logFile: join(dataDir, "postgres.log"), options, settings };
}

export interface Visit {
  readonly session: Session;
  readonly server: ReadyServer;
  readonly origin: Origin;
}

/** How long a start goes on where the server ends under its hands, since another process just stops it. */
const VISIT_LIMIT_MS = 60_000;
const RETRY_MS = 50;

/**
 * Starts the server where none runs, connects, and does the caller's first step; all again where the server went away meanwhile.
 * `settle` returns false where it waits for just that.
 */
export async function visit(
  directory: Directory,
  { fixedPort, settle }: { readonly fixedPort: number | null; readonly settle: (session: Session) => Promise<boolean> },
): Promise<Visit> {
  const end = performance.now() + VISIT_LIMIT_MS;
  for (;;) {
    const leftover = existsSync(join(directory.cluster.directory, "postmaster.pid"));
    const server = await ensureServer({ ...directory, fixedPort });
    const outcome = await connectAndSettle(directory, server.port, settle);
    if (outcome instanceof Session) return { session: outcome, server, origin: originOf(directory, server, leftover) };
    if (performance.now() > end) {
      throw new EmbeddedPostgresError(`the embedded Postgres on port ${server.port} does not answer as it should`, {
        cause: outcome,
      });
    }
    await delay(RETRY_MS);
  }
}

function originOf({ cluster }: Directory, server: ReadyServer, leftover: boolean): Origin {
  if (!server.started) return "adopted";
  if (cluster.created) return "created";
  return leftover ? "recovered" : "started";
}

/** The session, or why there is none this time. */
async function connectAndSettle(
  { cluster, options }: Directory,
  port: number,
  settle: (session: Session) => Promise<boolean>,
): Promise<Session | Error> {
  let session: Session | undefined;
  try {
    session = await Session.open({ port, password: cluster.password, command: options.command });
    if (await settle(session)) return session;
    await session[Symbol.asyncDispose]();
    return new Error("the server is being stopped by another process");
  } catch (error) {
    await session?.[Symbol.asyncDispose]();
    if (error instanceof Error && isGoingAway(error)) return error;
    throw error;
  }
}

/** admin_shutdown, crash_shutdown, cannot_connect_now, or the socket's end. */
function isGoingAway(error: Error): boolean {
  const code = "code" in error ? String(error.code) : "";
  return (
    /^(57P0[123]|ECONN\w+|EPIPE)$/.test(code) ||
    /connection (terminated|ended)|not queryable|timeout expired/i.test(error.message)
  );
}

export function connectionString(directory: Directory, port: number, database: string): string {
  const { password } = directory.cluster;
  return `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
}

/** A cluster in, its running server out: one that runs already, one that recovers, or one that we start. */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { asAccount, giveTo } from "./account.ts";
import type { PostgresBinaries } from "./binaries.ts";
import type { Cluster } from "./cluster.ts";
import { EmbeddedPostgresError, OTHER_WAYS } from "./errors.ts";
import { boundLogFile, logSize, readLogFrom } from "./log-file.ts";
import { poll } from "./poll.ts";
import { findServer, isServerOf, removeMisleadingFile } from "./postmaster-file.ts";
import { portFromSettings, renderSettings, type ServerSettings } from "./settings.ts";

/** Recovery after a crash reads up to `max_wal_size` again; slow disks need their time. */
const READY_LIMIT_MS = 180_000;
/** After a failure that passes by itself: a port just taken, another process' start, a dead server's children in their last statement. */
const RETRY_MS = 100;
const MAX_STARTS = 3;
const FAST_STOP_LIMIT_MS = 6_000;
const IMMEDIATE_STOP_LIMIT_MS = 3_000;
const POLL_MS = 20;

export interface ServerOptions {
  readonly cluster: Cluster;
  readonly binaries: PostgresBinaries;
  readonly logFile: string;
  readonly settings: ServerSettings;
  /** Where clients know the port already: no other is taken. */
  readonly fixedPort: number | null;
}

export interface ReadyServer {
  readonly pid: number;
  readonly port: number;
  /** False where it ran already. */
  readonly started: boolean;
}

/**
 * Returns once the server takes connections.
 * @throws EmbeddedPostgresError with the log's words where it does not.
 */
export async function ensureServer(options: ServerOptions): Promise<ReadyServer> {
  const end = performance.now() + READY_LIMIT_MS;
  let starts = 0;
  let detail = "";
  while (performance.now() < end) {
    const running = await waitUntilSettled(options.cluster.directory, end - performance.now());
    if (running?.status === "ready" && running.port !== null) {
      return { pid: running.pid, port: running.port, started: starts > 0 };
    }
    // A server that comes up and dies again and again is not for us to heal.
    if (running !== null || starts >= MAX_STARTS) break;
    const outcome = await startServer(options);
    if (outcome.ok) {
      starts += 1;
      continue;
    }
    detail = outcome.detail;
    if (outcome.reason === "failed" || (outcome.reason === "port-taken" && options.fixedPort !== null)) break;
    await delay(RETRY_MS);
  }
  throw new EmbeddedPostgresError(
    `the embedded Postgres in ${options.cluster.directory} does not start: ${detail || "it is not ready in time"} ` +
      `(its log is ${options.logFile}); mend that, ${OTHER_WAYS}`,
  );
}

/** Waits while it starts, recovers or stops; null once there is none. */
async function waitUntilSettled(clusterDir: string, limitMs: number): Promise<ReturnType<typeof findServer>> {
  const settled = await poll(
    () => {
      const server = findServer(clusterDir);
      return server === null || server.status === "ready" ? { server } : undefined;
    },
    { everyMs: POLL_MS, limitMs },
  );
  return settled === undefined ? findServer(clusterDir) : settled.server;
}

type StartOutcome =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly reason: "port-taken" | "other-server" | "leftovers" | "failed";
      readonly detail: string;
    };

async function startServer(options: ServerOptions): Promise<StartOutcome> {
  const { cluster, binaries, logFile } = options;
  const port = options.fixedPort ?? (await choosePort(cluster.settingsFile));
  writeFileSync(cluster.settingsFile, renderSettings({ port, settings: options.settings }));
  giveTo(cluster.account, cluster.settingsFile);
  removeMisleadingFile(cluster.directory);
  boundLogFile(logFile);
  const logStart = logSize(logFile);
  const child = spawnServer(asAccount(cluster.account, binaries.postgres, ["-D", cluster.directory]), logFile);
  giveTo(cluster.account, logFile);
  // As soon as the cluster's file names our process, its status says the rest.
  const isRunning = () => child.pid !== undefined && findServer(cluster.directory)?.pid === child.pid;
  const outcome = await poll(() => (isRunning() ? "running" : child.ended()), {
    everyMs: POLL_MS,
    limitMs: READY_LIMIT_MS,
  });
  if (outcome === "running") return { ok: true };
  return explainFailure(outcome?.error ?? readLogFrom(logFile, logStart));
}

interface SpawnedServer {
  readonly pid: number | undefined;
  /** Undefined while it runs; `error` where it could not be spawned. */
  readonly ended: () => { readonly error?: string } | undefined;
}

/** In a session of its own: neither Ctrl-C nor our death reaches it. */
function spawnServer({ command, args, options }: ReturnType<typeof asAccount>, logFile: string): SpawnedServer {
  let ended: { readonly error?: string } | undefined;
  const log = openSync(logFile, "a", 0o600);
  try {
    const child = spawn(command, args, { ...options, detached: true, stdio: ["ignore", log, log] });
    child.on("error", (error) => {
      ended = { error: error.message };
    });
    child.on("exit", () => {
      ended ??= {};
    });
    child.unref();
    return { pid: child.pid, ended: () => ended };
  } finally {
    closeSync(log);
  }
}

function explainFailure(log: string): Extract<StartOutcome, { ok: false }> {
  const detail = log.split("\n").find((line) => line.includes("FATAL")) ?? log.trim().split("\n").at(-1) ?? "";
  const reason = log.includes("could not bind")
    ? "port-taken"
    : log.includes('lock file "postmaster.pid" already exists')
      ? "other-server"
      : log.includes("pre-existing shared memory block")
        ? "leftovers"
        : "failed";
  return { ok: false, reason, detail };
}

/** The port of the last start while it is free, otherwise one that is. */
async function choosePort(settingsFile: string): Promise<number> {
  const remembered = readRememberedPort(settingsFile);
  if (remembered !== null && (await tryListen(remembered)) !== null) return remembered;
  const free = await tryListen(0);
  if (free === null) throw new EmbeddedPostgresError("no port of 127.0.0.1 is free for the embedded Postgres");
  return free;
}

function readRememberedPort(settingsFile: string): number | null {
  try {
    return portFromSettings(readFileSync(settingsFile, "utf8"));
  } catch {
    return null;
  }
}

/** The port on which one could listen, or null. */
function tryListen(port: number): Promise<number | null> {
  const { promise, resolve } = Promise.withResolvers<number | null>();
  const server = createServer();
  server.once("error", () => resolve(null));
  server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
    const address = server.address();
    server.close(() => resolve(typeof address === "object" && address !== null ? address.port : null));
  });
  return promise;
}

/**
 * Ends the cluster's server, if there is one: sessions are cut and everything is written (fast), and where that takes too long
 * it stops at once and recovers at its next start (immediate).
 * @throws EmbeddedPostgresError where it survives both.
 */
export async function stopServer(clusterDir: string): Promise<"fast" | "immediate" | "none"> {
  const server = findServer(clusterDir);
  if (server === null) return "none";
  const gone = () => (isServerOf(server.pid, clusterDir) ? undefined : true);
  signal(server.pid, "SIGINT");
  if (await poll(gone, { everyMs: POLL_MS, limitMs: FAST_STOP_LIMIT_MS })) return "fast";
  signal(server.pid, "SIGQUIT");
  if (await poll(gone, { everyMs: POLL_MS, limitMs: IMMEDIATE_STOP_LIMIT_MS })) return "immediate";
  throw new EmbeddedPostgresError(`the embedded Postgres, pid ${server.pid}, does not stop`);
}

/** The signals are what `pg_ctl stop` sends for its modes. */
function signal(pid: number, name: "SIGINT" | "SIGQUIT"): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone in between, which is what was wanted; whether it is, is asked again anyway.
  }
}

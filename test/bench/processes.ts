/** Started in, ended and measured out: our program as it ships, relays, and what processes cost. */
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { postgresProcesses, signalPostgres } from "../support/postgres-processes.ts";
import { type StartedProcess, startProcess } from "../support/process.ts";
import { usageOf } from "../support/process-usage.ts";
import { projectRoot } from "../support/project-root.ts";
import { removeWithServers } from "../support/remove-with-servers.ts";

/** Said to every process of ours that is measured, so that a lane's last event can be known from outside. */
export const LANES = 8;

export interface Bundle extends AsyncDisposable {
  /** The command, for `node`. */
  readonly script: string;
}

/** The program as `npm pack` ships it, made from the sources as they are now. */
export async function buildBundle(): Promise<Bundle> {
  // Below the root's node_modules, where its imports are found: those of test/bench are others.
  const parent = join(projectRoot, "node_modules/.cache");
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, "standpipe-bench-"));
  execFileSync(process.execPath, [join(projectRoot, "scripts/build.ts"), folder], { stdio: ["ignore", 2, 2] });
  return {
    script: join(folder, "standpipe.js"),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface ScratchFolder extends AsyncDisposable {
  readonly path: string;
}

/** An empty one, for a server in `data`; servers that still run in it are stopped when it goes, and killed where this process ends before. */
export async function scratchFolder(): Promise<ScratchFolder> {
  const path = await mkdtemp(join(tmpdir(), "standpipe-bench-"));
  // As root the server runs as another user, who has to get in.
  await chmod(path, 0o755);
  const onExit = (): void => {
    signalPostgres(join(path, "data"), "SIGKILL");
    rmSync(path, { recursive: true, force: true });
  };
  process.once("exit", onExit);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await removeWithServers(path);
      process.off("exit", onExit);
    },
  };
}

export interface Relay extends AsyncDisposable {
  readonly url: string;
  /** When the first subscriber came, Unix milliseconds. */
  subscribedAtMs(): Promise<number>;
  /** Of its process so far; null where it cannot be known. */
  cpuSeconds(): number | null;
}

/** `standpipe relay --replay RECORDING` as fast as it is read. */
export function startReplayRelay(recording: string): Promise<Relay> {
  return relayOf(startProcess(["relay", "--replay", recording, "--port", "0"]));
}

export interface FreshRelayArguments {
  readonly recording: string;
  /** The first so many. */
  readonly frames?: number;
  readonly laps?: number;
  readonly speed?: number;
}

/** fresh-relay.ts as a process of its own. */
export function startFreshRelay({ recording, ...options }: FreshRelayArguments): Promise<Relay> {
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const script = fileURLToPath(new URL("fresh-relay.ts", import.meta.url));
  return relayOf(startProcess([recording, ...args], { script }));
}

async function relayOf(started: StartedProcess): Promise<Relay> {
  const [, url = ""] = await started.waitForLine(/^relay at (ws:[^,]+),/);
  return {
    url,
    async subscribedAtMs() {
      const [line] = await started.waitForLine(/^\{.*"msg":"subscriber connected".*/);
      return Date.parse((JSON.parse(line) as { readonly time: string }).time);
    },
    cpuSeconds: () => usageOf(started.pid)?.cpuSeconds ?? null,
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}

export interface Standpipe extends AsyncDisposable {
  readonly process: StartedProcess;
  readonly dataDir: string;
  readonly connectionString: string;
  /** Of its HTTP paths. */
  readonly address: string;
}

/** `standpipe start` on a fresh embedded database, as it is without settings; resolves once it reads the relay. */
export async function startStandpipe(options: {
  readonly script: string;
  readonly relay: Pick<Relay, "url">;
  readonly nodeArgs?: readonly string[];
}): Promise<Standpipe> {
  await using resources = new AsyncDisposableStack();
  const scratch = resources.use(await scratchFolder());
  const dataDir = join(scratch.path, "data");
  const env = {
    RELAY_URL: options.relay.url,
    STANDPIPE_DATA_DIR: dataDir,
    HTTP_HOST: "127.0.0.1",
    PORT: "0",
    LANES: String(LANES),
  };
  const { script, nodeArgs = [] } = options;
  const started = resources.use(startProcess(["start"], { script, nodeArgs, cwd: scratch.path, env }));
  const [, connectionString = ""] = await started.waitForLine(/^database {2}(\S+)/);
  const [, address = ""] = await started.waitForLine(/^status {4}(http:\S+)\/status$/);
  await started.waitForLine(/"msg":"reading"/);
  const owned = resources.move();
  const dispose = () => owned.disposeAsync();
  return { process: started, dataDir, connectionString, address, [Symbol.asyncDispose]: dispose };
}

/** CPU time of the server in that data directory, sessions that have ended included; null where it cannot be known. */
export function postgresCpuSeconds(dataDir: string): number | null {
  const usages = postgresProcesses(dataDir).map((pid, index) => usageOf(pid, { withEnded: index === 0 }));
  if (usages.length === 0 || usages[0] === null) return null;
  return usages.reduce((sum, usage) => sum + (usage?.cpuSeconds ?? 0), 0);
}

/** Resident memory at this moment, in bytes; null where it cannot be known. */
export function residentBytes(pid: number): number | null {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch {
    // Not Linux, or it has ended.
    return null;
  }
}

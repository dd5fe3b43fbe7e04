/** The two commands of a whole run as real processes: `standpipe relay` with the bundled recording, `standpipe start` that reads it. */
import { chmod, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { inject } from "vitest";
import { type AskedProcess, askedProcess } from "./asked-process.ts";
import { startProcess } from "./process.ts";
import { projectRoot } from "./project-root.ts";
import { removeWithServers } from "./remove-with-servers.ts";

/** seq of the recording's last event; its first is 1. */
export const LAST_SEQ = 6_501;

export interface RelayProcess extends AsyncDisposable {
  /** For RELAY_URL. */
  readonly url: string;
}

/** Resolves when it listens. `args` are those of `standpipe relay` beside the recording and the port. */
export async function startRelay(...args: readonly string[]): Promise<RelayProcess> {
  const recording = join(projectRoot, "test/fixtures/network.spr");
  const started = startProcess(["relay", "--replay", recording, "--port", "0", ...args]);
  const [, url = ""] = await started.waitForLine(/^relay at (ws:[^,]+),/);
  return { url, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
}

export interface DataDirectory extends AsyncDisposable {
  readonly path: string;
}

/** An empty one; disposing stops whatever server still runs in it. */
export async function temporaryDataDirectory(): Promise<DataDirectory> {
  const root = await mkdtemp(join(inject("scratchDir"), "fault-"));
  // As root the server runs as another user, who has to get in.
  await chmod(root, 0o755);
  return { path: join(root, "data"), [Symbol.asyncDispose]: () => removeWithServers(root) };
}

export interface UnifiedOptions {
  readonly relay: Pick<RelayProcess, "url">;
  readonly env: Readonly<Record<string, string>>;
  /** Seconds; it runs on without it. */
  readonly exitWhenIdle?: number;
}

export interface UnifiedProcess extends AskedProcess<UnifiedStatus> {
  /** Exit code and signal, with what it said last: to be compared with ENDED_WELL. */
  ending(): Promise<{
    readonly code: number | null;
    readonly signal: string | null;
    readonly complaint: string | null;
  }>;
}

/** Of a process that ended by itself, or drained. */
export const ENDED_WELL = { code: 0, signal: null, complaint: null };

export interface UnifiedStatus {
  readonly connected: boolean;
  readonly databaseConnected: boolean;
  readonly databaseTrouble: string | null;
  readonly cursor: number | null;
  readonly receivedSeq: number | null;
  readonly bytesInFlight: number;
  readonly rssBytes: number;
}

/** `env` names the database: DATABASE_URL or STANDPIPE_DATA_DIR. */
export function startUnified({ relay, env, exitWhenIdle }: UnifiedOptions): UnifiedProcess {
  const args = exitWhenIdle === undefined ? [] : ["--exit-when-idle", String(exitWhenIdle)];
  const started = startProcess(["start", ...args], {
    env: { RELAY_URL: relay.url, HTTP_HOST: "127.0.0.1", PORT: "0", ...env },
  });
  return {
    ...askedProcess<UnifiedStatus>(started),
    async ending() {
      const exit = await started.exit;
      const lines = started.stderr().split("\n");
      const complaint = lines.findLast((line) => line.startsWith("standpipe: ")) ?? null;
      // A crash says more than one line.
      return { ...exit, complaint: exit.code === 1 && complaint === null ? lines.slice(-20).join("\n") : complaint };
    },
  };
}

/** The two commands of a whole run as real processes: `standpipe relay` with the bundled recording, `standpipe start` that reads it. */
import { chmod, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inject } from "vitest";
import { type StartedProcess, startProcess } from "./process.ts";
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

export interface UnifiedProcess extends StartedProcess {
  /** What `/status` answers; null while it does not answer. */
  status(): Promise<UnifiedStatus | null>;
  /** The status code and the JSON of `/health` or `/ready`; null while it does not answer. */
  ask(path: "/health" | "/ready"): Promise<{ readonly code: number; readonly reason: string | null } | null>;
  /** Asks again and again until the answer passes, as long as the test may take; rejects with the output where the process ends first. */
  until<Answer>(ask: () => Promise<Answer>, passes: (answer: Answer) => boolean): Promise<Answer>;
  /** Exit code and signal, with what it said last: to be compared with ENDED_WELL. */
  ending(): Promise<{
    readonly code: number | null;
    readonly signal: string | null;
    readonly complaint: string | null;
  }>;
}

/** Of a process that ended by itself, or drained. */
export const ENDED_WELL = { code: 0, signal: null, complaint: null };

const ASK_EVERY_MS = 20;

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
  const get = async (path: string): Promise<{ readonly code: number; readonly json: unknown } | null> => {
    const address = /^status {4}(http:\S+)\/status$/m.exec(started.stdout())?.[1];
    if (address === undefined) return null;
    try {
      const response = await fetch(`${address}${path}`, { signal: AbortSignal.timeout(2_000) });
      return { code: response.status, json: await response.json() };
    } catch {
      // It has ended, or ends.
      return null;
    }
  };
  return {
    ...started,
    status: async () => ((await get("/status"))?.json ?? null) as UnifiedStatus | null,
    async ask(path) {
      const answer = await get(path);
      return answer === null ? null : { code: answer.code, reason: (answer.json as { reason: string | null }).reason };
    },
    async until(ask, passes) {
      const hasEnded = started.exit.then(() => true);
      for (;;) {
        const answer = await ask();
        if (passes(answer)) return answer;
        if (await Promise.race([hasEnded, sleep(ASK_EVERY_MS, false)])) {
          throw new Error(`it has ended too early\n${started.stderr()}`);
        }
      }
    },
    async ending() {
      const exit = await started.exit;
      const lines = started.stderr().split("\n");
      const complaint = lines.findLast((line) => line.startsWith("standpipe: ")) ?? null;
      // A crash says more than one line.
      return { ...exit, complaint: exit.code === 1 && complaint === null ? lines.slice(-20).join("\n") : complaint };
    },
  };
}

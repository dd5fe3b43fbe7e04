/** An embedded server's data directory in, signals to its processes out: the postmaster and every backend, as if the machine failed them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findServer } from "../../lib/store/embedded/postmaster-file.ts";

/** The postmaster first; none where no server runs. Without `/proc` the postmaster alone: its backends follow a dead one by themselves. */
export function postgresProcesses(dataDir: string): readonly number[] {
  const server = findServer(join(dataDir, "postgres"));
  return server === null ? [] : [server.pid, ...childrenOf(server.pid)];
}

/** Says to how many. The postmaster gets it first, so that it makes no new backend behind our back. */
export function signalPostgres(dataDir: string, signal: NodeJS.Signals): number {
  const [postmaster, ...backends] = postgresProcesses(dataDir);
  if (postmaster === undefined) return 0;
  // Listed again once the postmaster has it: a frozen one has still all its children.
  const targets = new Set([postmaster, ...backends]);
  send(postmaster, signal);
  for (const pid of childrenOf(postmaster)) targets.add(pid);
  targets.delete(postmaster);
  for (const pid of targets) send(pid, signal);
  return targets.size + 1;
}

function childrenOf(parent: number): readonly number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent);
}

/** The name in parentheses may hold anything, also spaces: what counts comes after the last one. */
function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    // Ended since it was listed.
    return null;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Ended since it was listed.
  }
}

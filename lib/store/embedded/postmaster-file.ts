/** A cluster's directory in, what its `postmaster.pid` says about the server that runs it out. */
import { readFileSync, readlinkSync, realpathSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isNodeError } from "./binaries.ts";
import { isAlive } from "./cluster.ts";

const FILE_NAME = "postmaster.pid";

export interface RunningServer {
  readonly pid: number;
  /** Null until it listens. */
  readonly port: number | null;
  /** `starting` also while it recovers from a crash, `stopping` until it is gone. */
  readonly status: "starting" | "ready" | "stopping";
}

/** The server that runs this cluster, or null; a file that a dead one left behind counts as none. */
export function findServer(clusterDir: string): RunningServer | null {
  const lines = readLines(clusterDir);
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0 || !isServerOf(pid, clusterDir)) return null;
  const port = Number(lines[3]);
  const word = lines[7]?.trim();
  return {
    pid,
    port: Number.isInteger(port) && port > 0 ? port : null,
    status: word === "ready" || word === "stopping" ? word : "starting",
  };
}

/**
 * Removes the file of a dead server whose number another process has got, which is the rule in a container that was restarted:
 * Postgres would wait for that process. All other left-over files it removes by itself. Moved aside first and looked at
 * again, since another start may have put a live one in its place.
 */
export function removeMisleadingFile(clusterDir: string): void {
  const pid = Number(readLines(clusterDir)[0]);
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid) || isServerOf(pid, clusterDir)) return;
  const file = join(clusterDir, FILE_NAME);
  const aside = join(clusterDir, `${FILE_NAME}.stale-${process.pid}`);
  renameSync(file, aside);
  if (Number(readFileSync(aside, "utf8").split("\n")[0]) === pid) rmSync(aside);
  else renameSync(aside, file);
}

function readLines(clusterDir: string): readonly string[] {
  try {
    return readFileSync(join(clusterDir, FILE_NAME), "utf8").split("\n");
  } catch (error) {
    if (isNodeError(error) && error.code === "ENOENT") return [];
    throw error;
  }
}

/** A server works in its cluster's directory, which tells it from whatever else may have got its number. */
export function isServerOf(pid: number, clusterDir: string): boolean {
  if (!isAlive(pid)) return false;
  if (process.platform !== "linux") return true;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(clusterDir);
  } catch (error) {
    // A zombie has no directory any more; one that we may not look at is not to be declared dead.
    return isNodeError(error) && error.code !== "ENOENT" && error.code !== "ESRCH";
  }
}

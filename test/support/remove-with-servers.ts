/** Removes a directory for good: first whatever embedded servers still run below it are stopped. */
import { globSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { stopServer } from "../../lib/store/embedded/server.ts";

export async function removeWithServers(directory: string): Promise<void> {
  const clusters = globSync("**/{.standpipe,data,run}/postgres/postmaster.pid", { cwd: directory });
  for (const file of clusters) await stopServer(dirname(join(directory, file)));
  for (const file of globSync("redis-*/redis.pid", { cwd: directory })) killServer(join(directory, file));
  await rm(directory, { recursive: true, force: true });
}

function killServer(pidFile: string): void {
  try {
    process.kill(Number(readFileSync(pidFile, "utf8")), "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

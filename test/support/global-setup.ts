/** One real Postgres for the whole run: started before the first test, gone after the last, and also where the run is killed. */
import { spawn } from "node:child_process";
import { chmod, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { openEmbeddedPostgres } from "../../lib/store/embedded/embedded-postgres.ts";
import { removeWithServers } from "./remove-with-servers.ts";
import { silentLog } from "./silent-log.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Of the run's server, its database `postgres`, as superuser. */
    readonly postgresUrl: string;
    /** For what a test leaves on disk: removed at the end, together with the embedded servers that run in there. */
    readonly scratchDir: string;
  }
}

/** Nothing here has to survive a crash, and each test file brings its own connections. */
const TEST_SETTINGS = { fsync: false, synchronous_commit: "off", full_page_writes: false, max_connections: 100 };

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const scratchDir = await mkdtemp(join(tmpdir(), "standpipe-test-"));
  // As root the server runs as another user, who has to get in.
  await chmod(scratchDir, 0o755);
  const guard = spawn(process.execPath, [fileURLToPath(new URL("guard.ts", import.meta.url)), scratchDir], {
    detached: true,
    stdio: ["pipe", "ignore", "inherit"],
  });
  const postgres = await openEmbeddedPostgres({
    dataDir: join(scratchDir, "run"),
    log: silentLog,
    command: "vitest",
    settings: TEST_SETTINGS,
  });
  project.provide("scratchDir", scratchDir);
  project.provide("postgresUrl", postgres.connectionString("postgres"));
  return async () => {
    await postgres[Symbol.asyncDispose]();
    await removeWithServers(scratchDir);
    guard.stdin?.end();
  };
}

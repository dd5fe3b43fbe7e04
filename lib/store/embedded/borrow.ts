/** The embedded server for a moment: for commands that look or change something and end. */
import {
  connectionString,
  DEFAULT_DATABASE,
  type Directory,
  type EmbeddedPostgresOptions,
  openDirectory,
  PURPOSE_SETTING,
  visit,
} from "./directory.ts";
import type { EmbeddedPostgres } from "./embedded-postgres.ts";
import { stopServer } from "./server.ts";
import type { Session } from "./session.ts";

/**
 * Uses the server that runs, whoever owns it, or starts one. Disposing stops a server that was started like this once nobody else uses
 * it, neither an owner nor another borrower.
 * @throws EmbeddedPostgresError where there is no server to be had.
 */
export async function borrowEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const directory = await openDirectory(options, "brief");
  const { session, server, origin } = await visit(directory, {
    fixedPort: null,
    settle: async (visitor) => {
      // Waits while somebody stops the server, and then fails with it.
      await visitor.lock("user", { shared: true });
      return true;
    },
  });
  let left = false;
  return {
    port: server.port,
    origin,
    logFile: directory.logFile,
    connectionString: (database = DEFAULT_DATABASE) => connectionString(directory, server.port, database),
    ensureDatabase: (database = DEFAULT_DATABASE) => session.createDatabase(database),
    async [Symbol.asyncDispose]() {
      if (left) return;
      left = true;
      await using visitor = session;
      // A server that is gone needs no leaving.
      await leave(directory, visitor).catch(() => {});
    },
  };
}

/** Looks, one at a time, whether others are there, under locks that keep new ones from coming meanwhile. */
async function leave(directory: Directory, session: Session): Promise<void> {
  if ((await session.setting(PURPOSE_SETTING)) !== "brief") return;
  await session.lock("leaving");
  await session.announceClosing();
  if (!(await session.tryLock("owner")) || !(await session.tryLock("user"))) return;
  await stopServer(directory.cluster.directory);
}

/** How many connections our processes have to a database, at the most, while it is watched. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import type { PostgresServer } from "./postgres-server.ts";

export interface ConnectionWatch {
  /** The most at a time. */
  stop(): Promise<number>;
}

const LOOK_EVERY_MS = 200;

export function watchConnections(server: PostgresServer, database: string): ConnectionWatch {
  let most = 0;
  const over = new AbortController();
  const watching = (async () => {
    let client: Client | null = null;
    while (!over.signal.aborted) {
      try {
        client ??= await server.session();
        const { rows } = await client.query<{ count: number }>(
          "SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = $1 AND application_name = 'standpipe'",
          [database],
        );
        most = Math.max(most, rows[0]?.count ?? 0);
      } catch {
        // The server is away, or has no place for us: that is what it is about.
        await client?.end().catch(() => undefined);
        client = null;
      }
      await sleep(LOOK_EVERY_MS);
    }
    await client?.end().catch(() => undefined);
  })();
  return {
    async stop() {
      over.abort();
      await watching;
      return most;
    },
  };
}

/** A server of the harness' own, durable as it ships: it is killed, filled, locked and starved, and comes back. */
import { chmod, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { inject } from "vitest";
import { openEmbeddedPostgres } from "../../../lib/store/embedded/embedded-postgres.ts";
import { postgresProcesses, signalPostgres } from "../../support/postgres-processes.ts";
import { silentLog } from "../../support/silent-log.ts";

export interface PostgresServer extends AsyncDisposable {
  /** Of its database `postgres`. */
  readonly url: string;
  readonly port: number;
  /** SIGKILL to everything of it; resolves when it answers again. */
  crash(): Promise<void>;
  /** SIGKILL to one backend: the server then restarts all of them. */
  crashBackend(random: (below: number) => number): Promise<void>;
  answering(): Promise<void>;
  /** A session of the harness', outside every proxy. */
  session(database?: string): Promise<Client>;
}

const ANSWER_LIMIT_MS = 20_000;
const LOOK_EVERY_MS = 30;

export async function startPostgresServer(): Promise<PostgresServer> {
  const root = await mkdtemp(join(inject("scratchDir"), "seeds-"));
  // As root the server runs as another user, who has to get in.
  await chmod(root, 0o755);
  const dataDir = join(root, "data");
  const postgres = await openEmbeddedPostgres({
    dataDir,
    log: silentLog,
    command: "faults",
    settings: { max_connections: 40 },
  });
  const url = postgres.connectionString("postgres");
  const session = async (database = "postgres"): Promise<Client> => {
    const address = new URL(url);
    address.pathname = `/${database}`;
    const client = new Client({ connectionString: address.href });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  };
  const answering = async (): Promise<void> => {
    for (const end = performance.now() + ANSWER_LIMIT_MS; performance.now() < end; await sleep(LOOK_EVERY_MS)) {
      const client = await session().catch(() => null);
      if (client === null) continue;
      await client.end();
      return;
    }
    throw new Error("the database server does not come back");
  };
  return {
    url,
    port: Number(new URL(url).port),
    session,
    answering,
    async crash() {
      signalPostgres(dataDir, "SIGKILL");
      await answering();
    },
    async crashBackend(random) {
      const backends = postgresProcesses(dataDir).slice(1);
      const pid = backends[random(backends.length)];
      if (pid !== undefined) process.kill(pid, "SIGKILL");
      await answering();
    },
    [Symbol.asyncDispose]: () => postgres[Symbol.asyncDispose](),
  };
}

/** A Postgres of its own for a part: the embedded one with the settings it is shipped with, and what the part wants otherwise. */
import { join } from "node:path";
import { openEmbeddedPostgres } from "../../lib/store/embedded/embedded-postgres.ts";
import type { ServerSettings } from "../../lib/store/embedded/settings.ts";
import { MIGRATIONS_DIRECTORY, migrate } from "../../lib/store/migrate.ts";
import { VIEW_NAMES } from "../../lib/store/view-names.ts";
import { Client } from "../support/postgres-client.ts";
import { postgresProcesses } from "../support/postgres-processes.ts";
import { usageOf } from "../support/process-usage.ts";
import { silentLog } from "../support/silent-log.ts";
import { scratchFolder } from "./processes.ts";

export interface BenchDatabase extends AsyncDisposable {
  readonly connectionString: string;
  /** For looking: never measured itself. */
  readonly client: Client;
  /** Beside the server's data, for files that the server's own user has to read. */
  readonly folder: string;
  /** Of all the server's processes since it started, those that have ended included. */
  cpuSeconds(): number;
  /** The same data under other settings; `client` and `connectionString` are others afterwards. */
  restart(settings: ServerSettings): Promise<void>;
}

export async function openBenchDatabase(settings: ServerSettings = {}): Promise<BenchDatabase> {
  const scratch = await scratchFolder();
  const dataDir = join(scratch.path, "data");
  let running = await start(dataDir, settings);
  await migrate({
    connectionString: running.connectionString,
    schema: "public",
    directory: MIGRATIONS_DIRECTORY,
    viewNames: VIEW_NAMES,
    log: silentLog,
  });
  return {
    folder: scratch.path,
    get connectionString() {
      return running.connectionString;
    },
    get client() {
      return running.client;
    },
    cpuSeconds: () =>
      postgresProcesses(dataDir)
        .map((pid, index) => usageOf(pid, { withEnded: index === 0 })?.cpuSeconds ?? 0)
        .reduce((sum, seconds) => sum + seconds, 0),
    async restart(others) {
      await running.stop();
      running = await start(dataDir, others);
    },
    async [Symbol.asyncDispose]() {
      await running.stop();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

interface RunningServer {
  readonly connectionString: string;
  readonly client: Client;
  stop(): Promise<void>;
}

async function start(dataDir: string, settings: ServerSettings): Promise<RunningServer> {
  const server = await openEmbeddedPostgres({ dataDir, log: silentLog, command: "standpipe bench", settings });
  await server.ensureDatabase();
  const connectionString = server.connectionString();
  const client = new Client({ connectionString });
  await client.connect();
  return {
    connectionString,
    client,
    async stop() {
      await client.end();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The first column of the first row, as a number. */
export async function readNumber(client: Client, sql: string, values: unknown[] = []): Promise<number> {
  const { rows } = await client.query<(string | number | null)[]>({ text: sql, values, rowMode: "array" });
  return Number(rows[0]?.[0] ?? 0);
}

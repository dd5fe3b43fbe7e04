/** What `standpipe ingest` and `standpipe work` need with Redis: a server, a database, keys of their own; and the processes themselves. */
import { setTimeout as sleep } from "node:timers/promises";
import { asMap } from "../../lib/stream/redis/replies.ts";
import { type AskedProcess, askedProcess } from "./asked-process.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";
import { startProcess } from "./process.ts";
import type { RedisServer } from "./redis-server.ts";

export interface RedisScene extends AsyncDisposable {
  readonly database: TestDatabase;
  /** Settings of both processes. */
  readonly env: Readonly<Record<string, string>>;
}

export async function createRedisScene(
  server: Pick<RedisServer, "url">,
  env: Readonly<Record<string, string>> = {},
): Promise<RedisScene> {
  const database = await createTestDatabase();
  return {
    database,
    env: {
      REDIS_URL: server.url,
      DATABASE_URL: database.connectionString,
      HTTP_HOST: "127.0.0.1",
      PORT: "0",
      FLUSH_AFTER_MS: "50",
      ...env,
    },
    [Symbol.asyncDispose]: () => database.drop(),
  };
}

const ASK_EVERY_MS = 30;

/** Resolves once a group has read and acknowledged everything that is in the streams. */
export async function untilHandled(
  { client }: Pick<RedisServer, "client">,
  { key = "firehose:events", group = "firehose-processors" } = {},
): Promise<void> {
  for (;;) {
    const keys = (await client.keys(`${key}*`)).filter((each) => each === key || /:\d+$/.test(each));
    const states = await Promise.all(keys.map((each) => unhandled(client, each, group)));
    if (states.every((count) => count === 0)) return;
    await sleep(ASK_EVERY_MS);
  }
}

async function unhandled(client: RedisServer["client"], key: string, group: string): Promise<number> {
  // Not by the lag: a replica that took over does not know it.
  const last = asMap(await client.xinfo("STREAM", key)).get("last-generated-id");
  const groups = ((await client.xinfo("GROUPS", key)) as unknown[]).map(asMap);
  const state = groups.find((each) => each.get("name") === group);
  return state?.get("last-delivered-id") === last ? Number(state?.get("pending")) : 1;
}

/** What `/status` answers, as far as tests look at it. */
export interface RedisStatus {
  readonly connected: boolean;
  readonly cursor: number | null;
  readonly receivedSeq: number | null;
  readonly bytesInFlight: number;
  readonly rows: number | null;
  readonly deadLetters: number | null;
  readonly streamTrouble: string | null;
  readonly standbyFor: string | null;
  readonly counters: Readonly<Record<string, number | Readonly<Record<string, number>>>>;
}

export type RedisProcess = AskedProcess<RedisStatus>;

/** `standpipe ingest …` or `standpipe work …`. */
export function startRedisProcess(env: Readonly<Record<string, string>>, ...args: readonly string[]): RedisProcess {
  return askedProcess(startProcess(args, { env }));
}

/** What `standpipe poll` needs: a Redis, a database, the API of Lambda with a function behind it, a bucket; and their settings. */
import { randomUUID } from "node:crypto";
import { createHandler } from "../../functions/index-events/create-handler.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import type { Invocation, MappedFunction, MappingEvent } from "./event-source-mapping/port.ts";
import { AWS_ENVIRONMENT } from "./kinesis-local.ts";
import { type LambdaEndpoint, startLambdaEndpoint } from "./lambda/endpoint.ts";
import { createRedisScene, type RedisScene } from "./redis-scene.ts";
import type { RedisServer } from "./redis-server.ts";
import { type S3Server, startS3Server } from "./s3-server.ts";

export interface PollScene extends AsyncDisposable {
  readonly database: RedisScene["database"];
  /** Settings of the poller, and of an ingester that has no database. */
  readonly env: Readonly<Record<string, string>>;
  readonly ingesterEnv: Readonly<Record<string, string>>;
  readonly lambda: LambdaEndpoint;
  readonly s3: S3Server;
}

export interface PollSceneOptions {
  readonly server: Pick<RedisServer, "url">;
  /** Behind the API; without it, the handler of `index-events` in this process, as the role that it has on AWS. */
  readonly fn?: MappedFunction;
  readonly env?: Readonly<Record<string, string>>;
}

export const BUCKET = "large-packs-test";

export async function createPollScene({ server, fn, env = {} }: PollSceneOptions): Promise<PollScene> {
  await using starting = new AsyncDisposableStack();
  const redis = starting.use(await createRedisScene(server, { REDIS_FORMAT: "packs", ...env }));
  const s3 = starting.use(await startS3Server({ mayList: true }));
  const lambda = starting.use(
    await startLambdaEndpoint(fn ?? starting.use(handlerInProcess({ database: redis.database, s3 }))),
  );
  const owned = starting.move();
  const { DATABASE_URL: _none, ...withoutDatabase } = redis.env;
  return {
    database: redis.database,
    env: {
      ...redis.env,
      ...AWS_ENVIRONMENT,
      DATABASE_URL: asIndexer(redis.database.connectionString),
      INDEXER_FUNCTION: "index-events",
      AWS_ENDPOINT_URL_LAMBDA: lambda.url,
      LARGE_PACKS_BUCKET: BUCKET,
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      BATCHING_WINDOW_MS: "50",
      ...env,
    },
    ingesterEnv: { ...withoutDatabase, ...AWS_ENVIRONMENT },
    lambda,
    s3,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** As the role that function and poller have on AWS, which may write rows and nothing else. */
export function asIndexer(connectionString: string): string {
  const url = new URL(connectionString);
  url.searchParams.set("options", "-c role=indexer");
  return url.href;
}

const FUNCTION_TIMEOUT_MS = 60_000;

function handlerInProcess({ database, s3 }: Pick<PollScene, "database" | "s3">): MappedFunction & AsyncDisposable {
  Object.assign(process.env, AWS_ENVIRONMENT);
  const settings = readSettings("index-events", {
    DATABASE_URL: asIndexer(database.connectionString),
    LARGE_PACKS_BUCKET: BUCKET,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    LOG_LEVEL: "silent",
  });
  const handler = createHandler({
    settings,
    nowMs: Date.now,
    writeMetrics: () => undefined,
    writeLog: () => undefined,
  });
  return {
    async invoke(event: MappingEvent): Promise<Invocation> {
      const requestId = randomUUID();
      const endsAtMs = Date.now() + FUNCTION_TIMEOUT_MS;
      try {
        const payload = await handler.handle(event, { getRemainingTimeInMillis: () => endsAtMs - Date.now() });
        return { kind: "answered", requestId, payload };
      } catch (error) {
        const { name: type, message } = error as Error;
        return { kind: "function-error", requestId, type, message };
      }
    },
    [Symbol.asyncDispose]: () => handler[Symbol.asyncDispose](),
  };
}

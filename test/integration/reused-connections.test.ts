/** A call costs a round trip and not a handshake: whoever is asked again is asked over the same connection. */
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { GetItemCommand } from "@aws-sdk/client-dynamodb";
import { ListShardsCommand } from "@aws-sdk/client-kinesis";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createHandler } from "../../functions/index-events/create-handler.ts";
import { createDynamoClient } from "../../lib/checkpoint/dynamodb/client.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import { createKinesisClient, createS3Client } from "../../lib/stream/kinesis/client.ts";
import { createTestDatabase } from "../support/database.ts";
import { invocation, kinesisEvent } from "../support/kinesis-events.ts";
import { makePack } from "../support/packs.ts";

const CALLS = 5;
let server: Server;
let connections = 0;

beforeEach(() => {
  connections = 0;
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await new Promise((resolve) => server.close(resolve));
});

async function listening(on: Server): Promise<number> {
  server = on;
  server.on("connection", () => {
    connections++;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

test.each([
  [
    "Kinesis",
    (endpoint: string) => {
      const client = createKinesisClient({ region: null, endpoint });
      return { client, call: () => client.send(new ListShardsCommand({ StreamName: "packs" })) };
    },
  ],
  [
    "S3",
    (endpoint: string) => {
      const client = createS3Client({ region: null, endpoint });
      return { client, call: () => client.send(new PutObjectCommand({ Bucket: "large-packs", Key: "a", Body: "b" })) };
    },
  ],
  [
    "DynamoDB",
    (endpoint: string) => {
      const client = createDynamoClient({ region: null, endpoint });
      return { client, call: () => client.send(new GetItemCommand({ TableName: "cursor", Key: { id: { S: "a" } } })) };
    },
  ],
] as const)("%s is called over one connection", async (_, open) => {
  const http = createHttpServer((request, response) => {
    request.resume();
    request.on("end", () => response.writeHead(200, { "content-type": "application/x-amz-json-1.1" }).end("{}"));
  });
  const port = await listening(http);
  const { client, call } = open(`http://127.0.0.1:${port}`);
  for (let at = 0; at < CALLS; at++) await call();
  client.destroy();
  expect(connections).toBe(1);
});

test("the function keeps its connection to the database from one invocation to the next", async () => {
  await using database = await createTestDatabase();
  const url = new URL(database.connectionString);
  const target = { host: url.hostname, port: Number(url.port) };
  const port = await listening(
    createServer((client) => {
      const upstream = connect(target);
      client.pipe(upstream).pipe(client);
      for (const socket of [client, upstream]) socket.on("error", () => undefined);
    }),
  );
  url.host = `127.0.0.1:${port}`;
  const settings = readSettings("index-events", { DATABASE_URL: url.href, DB_POOL_SIZE: "1", LOG_LEVEL: "silent" });
  const quiet = (): void => undefined;
  await using handler = createHandler({ settings, nowMs: Date.now, writeMetrics: quiet, writeLog: quiet });
  await handler.warmUp();
  expect(connections).toBe(1);
  for (let number = 1; number <= CALLS; number++) {
    const event = kinesisEvent([makePack({ lane: 0, lanes: settings.LANES, number })]);
    expect(await handler.handle(event, invocation())).toEqual({ batchItemFailures: [] });
  }
  // The second is that of the marks which tell a killed process from a living one.
  expect(connections).toBeLessThanOrEqual(2);
});

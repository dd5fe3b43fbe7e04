/** What `standpipe ingest` needs on AWS, on this machine: a stream, a table, a bucket; and the process itself. */
import { GetItemCommand } from "@aws-sdk/client-dynamodb";
import { createDynamoCheckpoint, type DynamoCheckpoint } from "../../lib/checkpoint/dynamodb/checkpoint.ts";
import type { Pack } from "../../lib/core/pack.ts";
import { createS3Client } from "../../lib/stream/kinesis/client.ts";
import { type AskedProcess, askedProcess } from "./asked-process.ts";
import { type LocalDynamo, startDynalite } from "./dynalite.ts";
import { differences } from "./expected-end.ts";
import { TestTelemetry } from "./ingest-doubles.ts";
import { AWS_ENVIRONMENT, type KinesisLocal, startKinesisLocal } from "./kinesis-local.ts";
import { createKinesisReader, type KinesisReader } from "./kinesis-reader.ts";
import { startProcess } from "./process.ts";
import { projectRoot } from "./project-root.ts";
import { type S3Server, startS3Server } from "./s3-server.ts";
import { createTestConsumer } from "./test-consumer.ts";

export interface AwsServers extends AsyncDisposable {
  readonly kinesis: KinesisLocal;
  readonly dynamo: LocalDynamo;
  readonly s3: S3Server;
}

export async function startAwsServers(): Promise<AwsServers> {
  await using starting = new AsyncDisposableStack();
  const kinesis = starting.use(await startKinesisLocal());
  const dynamo = starting.use(await startDynalite());
  const s3 = starting.use(await startS3Server({ mayList: true }));
  const owned = starting.move();
  return { kinesis, dynamo, s3, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const BUCKET = "large-packs-test";

/** A new stream and table, and the settings that name them. */
export interface AwsScene {
  readonly streamName: string;
  readonly tableName: string;
  readonly env: Readonly<Record<string, string>>;
  reader(): KinesisReader;
}

export async function createScene({ kinesis, dynamo, s3 }: AwsServers): Promise<AwsScene> {
  const streamName = await kinesis.createStream();
  const tableName = await dynamo.createTable();
  return {
    streamName,
    tableName,
    env: {
      ...AWS_ENVIRONMENT,
      KINESIS_STREAM_NAME: streamName,
      AWS_ENDPOINT_URL_KINESIS: kinesis.endpoint,
      DYNAMODB_TABLE_NAME: tableName,
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
      LARGE_PACKS_BUCKET: BUCKET,
      AWS_ENDPOINT_URL_S3: s3.endpoint,
    },
    reader: () =>
      createKinesisReader({
        client: kinesis.client,
        streamName,
        large: { client: createS3Client({ region: null, endpoint: s3.endpoint }), bucket: BUCKET },
      }),
  };
}

export interface ConsumedScene {
  readonly packs: readonly Pack[];
  /** In packs that are there once or more: the same record again is no other event. */
  readonly events: number;
  /** Differences between the database and the network's end. */
  readonly faults: readonly string[];
  readonly gaps: number;
}

/** The packs in the order of their shards, and how a database looks when they have been applied. */
export async function consumeAll(scene: AwsScene): Promise<ConsumedScene> {
  const packs = (await scene.reader().all()).map(({ pack }) => pack);
  await using consumer = await createTestConsumer();
  for (let at = 0; at < packs.length; at += 8) await consumer.consume(...packs.slice(at, at + 8));
  const gaps = consumer.telemetry.counted("gaps_total", "missing-pack");
  const distinct = new Map(
    packs.map(({ header }) => [`${header.fence} ${header.lane} ${header.number}`, header.count]),
  );
  const events = distinct.values().reduce((sum, count) => sum + count, 0);
  return { packs, events, faults: await differences(consumer.store.pool), gaps };
}

/** What the cursor says in the table. */
export async function savedItem(
  { dynamo }: AwsServers,
  scene: AwsScene,
): Promise<{ seq: number; fence: number; released: boolean }> {
  const { Item } = await dynamo.client.send(
    new GetItemCommand({ TableName: scene.tableName, Key: { id: { S: `ingester:${scene.streamName}` } } }),
  );
  return {
    seq: Number(Item?.["last"]?.M?.["seq"]?.N),
    fence: Number(Item?.["fence"]?.N),
    released: Item?.["released"]?.BOOL === true,
  };
}

/** An ingester's cursor in the scene's table, without the ingester; it waits for the lease. */
export function openCheckpoint({ dynamo }: AwsServers, scene: AwsScene, owner: string): DynamoCheckpoint {
  return createDynamoCheckpoint({
    client: dynamo.client,
    tableName: scene.tableName,
    name: scene.streamName,
    owner,
    standby: true,
    signal: new AbortController().signal,
    telemetry: new TestTelemetry(),
    onStandby: () => undefined,
    onTrouble: () => undefined,
  });
}

export interface IngesterStatus {
  readonly command: string;
  readonly connected: boolean;
  readonly cursor: number | null;
  readonly databaseConnected: boolean | null;
  readonly standbyFor: string | null;
  readonly streamTrouble: string | null;
}

export type IngesterProcess = AskedProcess<IngesterStatus>;

/** `ingester/main.ts` as the task runs it. */
export function startIngester(env: Readonly<Record<string, string>>, ...args: readonly string[]): IngesterProcess {
  return askedProcess(
    startProcess(args, {
      script: `${projectRoot}/ingester/main.ts`,
      env: { HTTP_HOST: "127.0.0.1", PORT: "0", FLUSH_AFTER_MS: "50", ...env },
    }),
  );
}

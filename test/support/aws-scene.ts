/** What `standpipe ingest` needs on AWS, on this machine: a stream, a table, a bucket; and the process itself. */
import { setTimeout as sleep } from "node:timers/promises";
import { GetItemCommand } from "@aws-sdk/client-dynamodb";
import type { Pack } from "../../lib/core/pack.ts";
import { createS3Client } from "../../lib/stream/kinesis/client.ts";
import { type LocalDynamo, startDynalite } from "./dynalite.ts";
import { differences } from "./expected-end.ts";
import { AWS_ENVIRONMENT, type KinesisLocal, startKinesisLocal } from "./kinesis-local.ts";
import { createKinesisReader, type KinesisReader } from "./kinesis-reader.ts";
import { type StartedProcess, startProcess } from "./process.ts";
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

export interface IngesterStatus {
  readonly command: string;
  readonly connected: boolean;
  readonly cursor: number | null;
  readonly databaseConnected: boolean | null;
  readonly standbyFor: string | null;
  readonly streamTrouble: string | null;
}

export interface IngesterProcess extends StartedProcess {
  /** The code and the JSON of a path; null while it does not answer. */
  ask(path: string): Promise<{ readonly code: number; readonly json: unknown } | null>;
  /** Asks for `/status` until it passes; rejects with the output where the process ends first. */
  until(passes: (status: IngesterStatus) => boolean): Promise<IngesterStatus>;
}

const ASK_EVERY_MS = 50;

/** `ingester/main.ts` as the task runs it. */
export function startIngester(env: Readonly<Record<string, string>>, ...args: readonly string[]): IngesterProcess {
  const started = startProcess(args, {
    script: `${projectRoot}/ingester/main.ts`,
    env: { HTTP_HOST: "127.0.0.1", PORT: "0", FLUSH_AFTER_MS: "50", ...env },
  });
  const ask = async (path: string) => {
    const address = /^status {4}(http:\S+)\/status$/m.exec(started.stdout())?.[1];
    if (address === undefined) return null;
    try {
      const response = await fetch(`${address}${path}`, { signal: AbortSignal.timeout(2_000) });
      const text = await response.text();
      return { code: response.status, json: path === "/metrics" ? text : (JSON.parse(text) as unknown) };
    } catch {
      // It has ended, or ends.
      return null;
    }
  };
  return {
    ...started,
    ask,
    async until(passes) {
      const hasEnded = started.exit.then(() => true);
      for (;;) {
        const status = ((await ask("/status"))?.json ?? null) as IngesterStatus | null;
        if (status !== null && passes(status)) return status;
        if (await Promise.race([hasEnded, sleep(ASK_EVERY_MS, false)])) {
          throw new Error(`it has ended too early\n${started.stdout()}\n${started.stderr()}`);
        }
      }
    },
  };
}

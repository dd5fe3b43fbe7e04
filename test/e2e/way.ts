/** The way of the data as on AWS, on this machine: relay → ingester → Kinesis → event source mapping → the deployed bundle → Postgres. */
import { KinesisClient } from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { inject } from "vitest";
import { createS3Client } from "../../lib/stream/kinesis/client.ts";
import {
  type AwsScene,
  type AwsServers,
  createScene,
  type IngesterProcess,
  startIngester,
} from "../support/aws-scene.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createKinesisSource } from "../support/event-source-mapping/kinesis-source.ts";
import {
  type EventSourceMapping,
  type MappingCall,
  type MappingOptions,
  startMapping,
} from "../support/event-source-mapping/mapping.ts";
import type { StreamRecord } from "../support/event-source-mapping/port.ts";
import { createS3Destination } from "../support/event-source-mapping/s3-destination.ts";
import type { MappingSettings } from "../support/event-source-mapping/settings.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { AWS_ENVIRONMENT } from "../support/kinesis-local.ts";
import { type DeployedFunction, deployFunction } from "../support/lambda/deployed-function.ts";
import { type DeployedIndexer, readDeployment } from "../support/lambda/deployment.ts";
import { createLateProxy, type LateProxy } from "../support/late-proxy.ts";
import { type RelayProcess, startRelay } from "../support/unified-process.ts";

export interface WayOptions {
  readonly servers: AwsServers;
  /** Events a second of the relay, or `max`. */
  readonly speed?: string;
  /** In place of `standpipe relay`; whoever made it disposes of it. */
  readonly relay?: Pick<RelayProcess, "url">;
  /** In place of what the template says; said in the scenario. */
  readonly settings?: Partial<MappingSettings>;
  readonly pacing?: MappingOptions["pacing"];
  /** Loaded into the function's processes before the bundle. */
  readonly preload?: readonly string[];
  /** Added to what the function's processes are given. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Age at which the ingester seals a pack, milliseconds. */
  readonly flushAfterMs?: number;
}

export interface Way extends AsyncDisposable {
  readonly deployed: DeployedIndexer;
  readonly scene: AwsScene;
  /** Between everybody and the stream. */
  readonly stream: FaultyProxy;
  /** Past the proxy. */
  readonly streamClient: KinesisClient;
  readonly database: TestDatabase;
  /** Between the function and the database. */
  readonly databasePort: LateProxy;
  readonly fn: DeployedFunction;
  readonly mapping: EventSourceMapping;
  /** Calls that are over. */
  readonly calls: readonly MappingCall[];
  /** What went to the failure bucket, also where it was taken out again. */
  readonly discarded: readonly StreamRecord[];
  readonly failureBucket: string;
  /** Keys in the failure bucket. */
  failedBatches(): readonly string[];
  /** It ends once nothing has come for a while, unless it stands by for another one. */
  ingest(options?: { readonly standby?: boolean; readonly exitWhenIdle?: boolean }): IngesterProcess;
}

/** Each flush makes a pack a lane, and the server takes some hundred a second. Milliseconds. */
const FLUSH_AFTER_MS = 500;

export async function startWay(options: WayOptions): Promise<Way> {
  const { servers, speed = "1000", flushAfterMs = FLUSH_AFTER_MS } = options;
  await using starting = new AsyncDisposableStack();
  const scene = await createScene(servers);
  const relay = options.relay ?? starting.use(await startRelay("--speed", speed));
  const stream = starting.use(await startFaultyProxy(servers.kinesis.endpoint));
  const database = starting.use(await createTestDatabase());
  const { databasePort, address } = await behindPort(database);
  starting.use(databasePort);
  const deployed = readDeployment(inject("cdkOut"));
  const fn = starting.use(startFunction(deployed, { scene, address, ...options }));
  const calls: MappingCall[] = [];
  const discarded: StreamRecord[] = [];
  const failureBucket = `failed-${scene.streamName}`;
  // As patient as Lambda.
  const client = new KinesisClient({ endpoint: stream.endpoint, requestHandler: new NodeHttpHandler() });
  starting.defer(() => client.destroy());
  const s3 = createS3Client({ region: null, endpoint: servers.s3.endpoint });
  starting.defer(() => s3.destroy());
  const bucket = createS3Destination({ client: s3, bucket: failureBucket, nowMs: Date.now });
  const mapping = starting.use(
    startMapping({
      source: createKinesisSource({ client, streamName: scene.streamName }),
      settings: { ...deployed.mapping, ...options.settings },
      fn,
      destination: {
        async deliver(batch) {
          await bucket.deliver(batch);
          discarded.push(...batch.records);
        },
      },
      onCall: (call) => void calls.push(call),
      ...(options.pacing !== undefined && { pacing: options.pacing }),
    }),
  );
  const owned = starting.move();
  return {
    deployed,
    scene,
    stream,
    streamClient: servers.kinesis.client,
    database,
    databasePort,
    fn,
    mapping,
    calls,
    discarded,
    failureBucket,
    failedBatches: () => [...servers.s3.objects.keys()].filter((path) => path.startsWith(`/${failureBucket}/`)),
    ingest: ({ standby = false, exitWhenIdle = true } = {}) =>
      startIngester(
        {
          ...scene.env,
          AWS_ENDPOINT_URL_KINESIS: stream.endpoint,
          RELAY_URL: relay.url,
          FLUSH_AFTER_MS: String(flushAfterMs),
          // On a busy machine the server falls behind: then the relay is to wait, and packs are to stay small.
          MAX_IN_FLIGHT_MB: "1",
          STANDBY: String(standby),
        },
        ...(exitWhenIdle ? ["--exit-when-idle", "2"] : []),
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Logging in with a token needs AWS, and names of other resources are given by it; everything else is what the template says. */
function startFunction(
  { module, timeoutMs, environment }: DeployedIndexer,
  given: Pick<WayOptions, "preload" | "environment"> & { readonly scene: AwsScene; readonly address: string },
): DeployedFunction {
  const { DATABASE_AUTH: _token, ...asDeployed } = environment;
  const { LARGE_PACKS_BUCKET = "", AWS_ENDPOINT_URL_S3 = "" } = given.scene.env;
  const local = { ...AWS_ENVIRONMENT, LARGE_PACKS_BUCKET, AWS_ENDPOINT_URL_S3, DATABASE_URL: given.address };
  return deployFunction({
    module,
    timeoutMs,
    environment: { ...asDeployed, ...local, ...given.environment },
    preload: given.preload ?? [],
  });
}

/** As the role that the function has on AWS, which may write rows and nothing else. */
async function behindPort(database: TestDatabase): Promise<{ databasePort: LateProxy; address: string }> {
  const url = new URL(database.connectionString);
  const databasePort = await createLateProxy({ host: url.hostname, port: Number(url.port) });
  await databasePort.open();
  url.host = `127.0.0.1:${databasePort.port}`;
  url.searchParams.set("options", "-c role=indexer");
  return { databasePort, address: url.href };
}

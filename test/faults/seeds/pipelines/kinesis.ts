/** As on AWS: the ingester's process, a Kinesis API server behind a proxy, an event source mapping, and the bundle that would be deployed. */
import { setTimeout as sleep } from "node:timers/promises";
import { KinesisClient, ListShardsCommand, SplitShardCommand } from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { inject } from "vitest";
import { createS3Client } from "../../../../lib/stream/kinesis/client.ts";
import type { Random } from "../../../fuzz/mutate.ts";
import { type AwsServers, createScene, savedItem, startIngester } from "../../../support/aws-scene.ts";
import { eventOf } from "../../../support/event-source-mapping/event.ts";
import { createKinesisSource } from "../../../support/event-source-mapping/kinesis-source.ts";
import { type MappingCall, startMapping } from "../../../support/event-source-mapping/mapping.ts";
import { createS3Destination } from "../../../support/event-source-mapping/s3-destination.ts";
import { type Fault, type FaultyProxy, startFaultyProxy } from "../../../support/faulty-proxy.ts";
import { AWS_ENVIRONMENT } from "../../../support/kinesis-local.ts";
import { type DeployedFunction, deployFunction } from "../../../support/lambda/deployed-function.ts";
import { readDeployment } from "../../../support/lambda/deployment.ts";
import { supervise } from "../supervisor.ts";
import type { StreamPort } from "../world.ts";
import { type Pipeline, type PipelineParts, SHORT_WAITS } from "./pipeline.ts";

const THROTTLED = "ProvisionedThroughputExceededException";
const LASTS_MS = 600;
/** The function stops itself ten seconds before its end. */
const SHORT_TIMEOUT_MS = 11_500;

export async function openKinesis(
  { relay, address, env }: PipelineParts,
  servers: AwsServers,
  random: Random,
): Promise<Pipeline> {
  await using starting = new AsyncDisposableStack();
  const scene = await createScene(servers);
  const proxy = starting.use(await startFaultyProxy(servers.kinesis.endpoint));
  const client = new KinesisClient({ endpoint: proxy.endpoint, requestHandler: new NodeHttpHandler() });
  starting.defer(() => client.destroy());
  const s3 = createS3Client({ region: null, endpoint: servers.s3.endpoint });
  starting.defer(() => s3.destroy());
  const { module, timeoutMs: asDeployedMs, environment, mapping: deployedMapping } = readDeployment(inject("cdkOut"));
  const { DATABASE_AUTH: _token, ...asDeployed } = environment;
  const { LARGE_PACKS_BUCKET = "", AWS_ENDPOINT_URL_S3 = "" } = scene.env;
  const role = new URL(address);
  role.searchParams.set("options", "-c role=indexer");
  const local = { ...AWS_ENVIRONMENT, LARGE_PACKS_BUCKET, AWS_ENDPOINT_URL_S3, DATABASE_URL: role.href };
  // In one seed of three it has a second and a half before it must answer with what it has done so far.
  const timeoutMs = random(3) === 0 ? SHORT_TIMEOUT_MS : asDeployedMs;
  const fn = starting.use(deployFunction({ module, timeoutMs, environment: { ...asDeployed, ...local }, preload: [] }));
  let lastCall: MappingCall | null = null;
  const mapping = starting.use(
    startMapping({
      source: createKinesisSource({ client, streamName: scene.streamName }),
      settings: { ...deployedMapping, batchingWindowMs: 100 },
      fn,
      onCall: (call) => {
        lastCall = call;
      },
      destination: createS3Destination({ client: s3, bucket: `failed-${scene.streamName}`, nowMs: Date.now }),
    }),
  );
  const open = () =>
    startIngester({
      ...scene.env,
      ...SHORT_WAITS,
      ...env,
      AWS_ENDPOINT_URL_KINESIS: proxy.endpoint,
      RELAY_URL: relay.url,
      FLUSH_AFTER_MS: "100",
      MAX_IN_FLIGHT_MB: "1",
      STANDBY: "true",
    });
  const reader = starting.use(supervise("ingester", open));
  const second = starting.use(supervise("second ingester", open));
  const owned = starting.move();
  return {
    reader,
    second,
    worker: null,
    stream: streamPort({
      proxy,
      fn,
      client: servers.kinesis.client,
      streamName: scene.streamName,
      lastCall: () => lastCall,
      settled: () => mapping.caughtUp(),
    }),
    savedCursor: async () => (await savedItem(servers, scene)).seq,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface StreamParts {
  readonly proxy: FaultyProxy;
  readonly fn: DeployedFunction;
  readonly client: KinesisClient;
  readonly streamName: string;
  readonly lastCall: () => MappingCall | null;
  readonly settled: () => Promise<void>;
}

function streamPort({ proxy, fn, client, streamName, lastCall, settled }: StreamParts): StreamPort {
  const forAWhile = async (action: string, fault: () => Fault): Promise<void> => {
    proxy.decide = (call) => (call.action === action ? fault() : { kind: "none" });
    await sleep(LASTS_MS);
    proxy.decide = () => ({ kind: "none" });
  };
  const everyOther = (fault: Fault): (() => Fault) => {
    let calls = 0;
    return () => (calls++ % 2 === 0 ? fault : { kind: "none" });
  };
  const troubles: Readonly<Record<string, () => Promise<void>>> = {
    "throttled puts": () => forAWhile("PutRecords", () => ({ kind: "error", status: 400, type: THROTTLED })),
    "puts that fail in part": () =>
      forAWhile("PutRecords", () => ({ kind: "partial", code: THROTTLED, fails: (index) => index % 2 === 0 })),
    "500 after the write took place": () =>
      forAWhile("PutRecords", everyOther({ kind: "error-after", status: 500, type: "InternalFailure" })),
    "answers that get lost": () => forAWhile("PutRecords", everyOther({ kind: "cut" })),
    "iterators that expire": () =>
      forAWhile("GetRecords", everyOther({ kind: "error", status: 400, type: "ExpiredIteratorException" })),
    "a shard split": () => split(client, streamName),
    "calls of the function throttled": () => {
      fn.throttleNext(4);
      return Promise.resolve();
    },
    // As when Lambda takes a call for lost that goes on.
    async "two calls of one shard at a time"() {
      const call = lastCall();
      if (call === null) return;
      const event = eventOf(call.records, call.shardId);
      await Promise.all([fn.invoke(event), fn.invoke(event)]);
    },
    async "function killed at work"() {
      for (let looks = 0; looks < 40 && fn.killWorking() === 0; looks += 1) await sleep(20);
    },
  };
  return { troubles: Object.keys(troubles), disturb: async (name) => await troubles[name]?.(), settled };
}

/** The first shard in two halves of its hash keys. */
async function split(client: KinesisClient, streamName: string): Promise<void> {
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: streamName }));
  const shard = Shards.find(({ SequenceNumberRange }) => (SequenceNumberRange?.EndingSequenceNumber ?? null) === null);
  if (shard === undefined) return;
  const [from, to] = [shard.HashKeyRange?.StartingHashKey, shard.HashKeyRange?.EndingHashKey].map((key) =>
    BigInt(key ?? 0),
  );
  const middle = ((from ?? 0n) + (to ?? 0n)) / 2n + 1n;
  await client.send(
    new SplitShardCommand({ StreamName: streamName, ShardToSplit: shard.ShardId, NewStartingHashKey: String(middle) }),
  );
}

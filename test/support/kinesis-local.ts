/** A Kinesis API server as a process of its own. It enforces the size of a record and nothing else: other refusals come from faulty-proxy.ts. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  KinesisClient,
  ListStreamsCommand,
} from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { COMPILE_CACHE, KEEP_COMPILED } from "./compile-cache.ts";
import { freePort } from "./free-port.ts";

export interface KinesisServer {
  readonly endpoint: string;
  /** Directly to the server, for what a test itself asks. */
  readonly client: KinesisClient;
  /** A new stream that is ready; returns its name. */
  createStream(options?: { readonly shards?: number }): Promise<string>;
  untilActive(streamName: string): Promise<void>;
}

export interface KinesisLocal extends KinesisServer, AsyncDisposable {}

/** What every AWS client of a test needs to sign with; local servers check nothing. */
export const AWS_ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: "local",
  AWS_SECRET_ACCESS_KEY: "local",
  AWS_REGION: "us-east-1",
} as const;

const READY_LIMIT_MS = 30_000;
const SHORT = "5ms";

export async function startKinesisLocal(): Promise<KinesisLocal> {
  Object.assign(process.env, AWS_ENVIRONMENT);
  const folder = dirname(createRequire(import.meta.url).resolve("kinesis-local/package.json"));
  const [plainPort, tlsPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, [...KEEP_COMPILED, "main.js"], {
    cwd: folder,
    stdio: "ignore",
    env: {
      PATH: process.env["PATH"],
      ...COMPILE_CACHE,
      KINESIS_MOCK_PLAIN_PORT: String(plainPort),
      KINESIS_MOCK_TLS_PORT: String(tlsPort),
      KINESIS_MOCK_CERT_PATH: join(folder, "server.json"),
      LOG_LEVEL: "ERROR",
      CREATE_STREAM_DURATION: SHORT,
      DELETE_STREAM_DURATION: SHORT,
      SPLIT_SHARD_DURATION: SHORT,
      // Of an account, 50 by default: a test leaves its streams behind.
      SHARD_LIMIT: "100000",
      MERGE_SHARDS_DURATION: SHORT,
    },
  });
  // A run that is killed must not leave it behind.
  const onOurExit = () => void child.kill("SIGKILL");
  process.once("exit", onOurExit);
  const endpoint = `http://127.0.0.1:${plainPort}`;
  const server = kinesisAt(endpoint);
  await answering(server.client);
  return {
    ...server,
    async [Symbol.asyncDispose]() {
      // It does not end at SIGTERM while connections are open.
      server.client.destroy();
      process.off("exit", onOurExit);
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Whoever answers there. */
export function kinesisAt(endpoint: string): KinesisServer {
  // More patient than our own client: on a busy machine the server may take its time. Over HTTP/2, the default, it fails at random.
  const client = new KinesisClient({ endpoint, requestHandler: new NodeHttpHandler() });
  const untilActive = async (streamName: string) => {
    for (const end = performance.now() + READY_LIMIT_MS; performance.now() < end; await sleep(10)) {
      const { StreamDescriptionSummary } = await client.send(
        new DescribeStreamSummaryCommand({ StreamName: streamName }),
      );
      if (StreamDescriptionSummary?.StreamStatus === "ACTIVE") return;
    }
    throw new Error(`stream ${streamName} does not become active`);
  };
  return {
    endpoint,
    client,
    untilActive,
    async createStream({ shards = 2 } = {}) {
      const streamName = `stream-${randomBytes(6).toString("hex")}`;
      await client.send(new CreateStreamCommand({ StreamName: streamName, ShardCount: shards }));
      await untilActive(streamName);
      return streamName;
    },
  };
}

async function answering(client: KinesisClient): Promise<void> {
  for (const end = performance.now() + READY_LIMIT_MS; ; await sleep(50)) {
    try {
      await client.send(new ListStreamsCommand({}));
      return;
    } catch (cause) {
      if (performance.now() > end) throw new Error("kinesis-local does not answer", { cause });
    }
  }
}

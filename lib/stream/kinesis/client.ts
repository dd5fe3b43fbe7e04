/** Region and endpoint in, the clients of Kinesis and S3 out. */
import { KinesisClient, ListShardsCommand, ResourceNotFoundException } from "@aws-sdk/client-kinesis";
import { S3Client } from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { KinesisStreamError } from "./errors.ts";
import { ANSWER_TIMEOUT_MS, CONNECT_TIMEOUT_MS, MAX_CALLS_AT_A_TIME, OBJECT_TIMEOUT_MS } from "./limits.ts";

export interface ClientOptions {
  /** Null: what the SDK finds. */
  readonly region: string | null;
  /** Null: AWS itself. */
  readonly endpoint: string | null;
}

/** Local servers take any region, and without one the SDK refuses to sign. */
const LOCAL_REGION = "us-east-1";

/** HTTP/1.1 with connections that stay open. Tries once: the writer decides what is sent again, and whether it still may. */
export function createKinesisClient(options: ClientOptions): KinesisClient {
  return new KinesisClient({ ...common(options), requestHandler: handler(ANSWER_TIMEOUT_MS) });
}

/** Addresses objects by path, which every S3 server understands. `attempts`: of each call, where nobody else tries again. */
export function createS3Client(options: ClientOptions & { readonly attempts?: number }): S3Client {
  return new S3Client({
    ...common(options),
    maxAttempts: options.attempts ?? 1,
    requestHandler: handler(OBJECT_TIMEOUT_MS),
    forcePathStyle: options.endpoint !== null,
  });
}

/** @throws KinesisStreamError where there is no such stream, or no region to look in; rejects as Kinesis does where it is away. */
export async function checkStream(client: KinesisClient, streamName: string): Promise<void> {
  try {
    await client.send(new ListShardsCommand({ StreamName: streamName, MaxResults: 1 }));
  } catch (error) {
    if (error instanceof ResourceNotFoundException) {
      const region = await client.config.region();
      throw new KinesisStreamError(`KINESIS_STREAM_NAME=${streamName}: there is no such stream in region ${region}`, {
        cause: error,
      });
    }
    if (error instanceof Error && error.message.startsWith("Region is missing")) {
      throw new KinesisStreamError("AWS_REGION is not set: must be the region of the stream", { cause: error });
    }
    throw error;
  }
}

function common({ region, endpoint }: ClientOptions) {
  const name = region ?? (endpoint === null ? null : LOCAL_REGION);
  return { maxAttempts: 1, ...(name === null ? {} : { region: name }), ...(endpoint === null ? {} : { endpoint }) };
}

function handler(answerTimeoutMs: number): NodeHttpHandler {
  const agent = { keepAlive: true, maxSockets: MAX_CALLS_AT_A_TIME };
  return new NodeHttpHandler({
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: answerTimeoutMs,
    throwOnRequestTimeout: true,
    httpAgent: agent,
    httpsAgent: agent,
  });
}

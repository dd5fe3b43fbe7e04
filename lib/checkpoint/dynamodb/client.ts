/** Region and endpoint in, the client of DynamoDB out. */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { ANSWER_TIMEOUT_MS, CONNECT_TIMEOUT_MS } from "./limits.ts";

export interface ClientOptions {
  /** Null: what the SDK finds. */
  readonly region: string | null;
  /** Null: AWS itself. */
  readonly endpoint: string | null;
}

/** Local servers take any region, and without one the SDK refuses to sign. */
const LOCAL_REGION = "us-east-1";

/** Tries once: a renewal that is late is no renewal, and the lease decides what is tried again. */
export function createDynamoClient({ region, endpoint }: ClientOptions): DynamoDBClient {
  const name = region ?? (endpoint === null ? null : LOCAL_REGION);
  return new DynamoDBClient({
    maxAttempts: 1,
    ...(name === null ? {} : { region: name }),
    ...(endpoint === null ? {} : { endpoint }),
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: ANSWER_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    }),
  });
}

/** A DynamoDB API server in this process, with a table as the cursor needs it. */
import { randomBytes } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { CreateTableCommand, DynamoDBClient, waitUntilTableExists } from "@aws-sdk/client-dynamodb";
import dynalite from "dynalite";
import { AWS_ENVIRONMENT } from "./kinesis-local.ts";

export interface LocalDynamo extends AsyncDisposable {
  readonly endpoint: string;
  readonly client: DynamoDBClient;
  /** A new empty table; returns its name. */
  createTable(): Promise<string>;
}

export async function startDynalite(): Promise<LocalDynamo> {
  Object.assign(process.env, AWS_ENVIRONMENT);
  const server: Server = dynalite({ createTableMs: 0 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new DynamoDBClient({ endpoint });
  return {
    endpoint,
    client,
    createTable: () => createCursorTable(client),
    async [Symbol.asyncDispose]() {
      client.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** At whatever answers there; returns its name. */
export async function createCursorTable(client: DynamoDBClient): Promise<string> {
  const tableName = `cursors-${randomBytes(6).toString("hex")}`;
  await client.send(
    new CreateTableCommand({
      TableName: tableName,
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    }),
  );
  await waitUntilTableExists({ client, maxWaitTime: 30, minDelay: 0.05, maxDelay: 1 }, { TableName: tableName });
  return tableName;
}

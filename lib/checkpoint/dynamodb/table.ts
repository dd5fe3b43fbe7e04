/** The item in its table: read as it is now, and written only over what the writer has seen. */
import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ResourceNotFoundException,
} from "@aws-sdk/client-dynamodb";
import { CursorTableError } from "./errors.ts";
import { fromAttributes, type LeaseItem, toAttributes } from "./item.ts";

/** What a write replaces; null: nothing may be there yet. */
export type Seen = Pick<LeaseItem, "fence" | "beat"> | null;

export interface LeaseTable {
  /** Rejects with CursorTableError, or as DynamoDB does where it is away. */
  read(): Promise<LeaseItem | null>;
  /** `conflict`: the item is another one than was seen, and nothing was written. */
  replace(seen: Seen, item: LeaseItem): Promise<"written" | "conflict">;
}

export interface TableOptions {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  /** Key of the item. */
  readonly id: string;
}

export function createLeaseTable({ client, tableName, id }: TableOptions): LeaseTable {
  const explained = <Result>(work: Promise<Result>) =>
    work.catch((error: unknown) => explainTableError(error, tableName));
  return {
    async read() {
      const command = new GetItemCommand({ TableName: tableName, Key: { id: { S: id } }, ConsistentRead: true });
      const { Item } = await explained(client.send(command));
      return Item === undefined ? null : fromAttributes(Item);
    },
    async replace(seen, item) {
      try {
        await explained(
          client.send(
            new PutItemCommand({
              TableName: tableName,
              Item: { id: { S: id }, ...toAttributes(item) },
              ...conditionOf(seen),
            }),
          ),
        );
        return "written";
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return "conflict";
        throw error;
      }
    },
  };
}

function conditionOf(seen: Seen) {
  if (seen === null) {
    return { ConditionExpression: "attribute_not_exists(#id)", ExpressionAttributeNames: { "#id": "id" } };
  }
  return {
    ConditionExpression: "#fence = :fence AND #beat = :beat",
    ExpressionAttributeNames: { "#fence": "fence", "#beat": "beat" },
    ExpressionAttributeValues: { ":fence": { N: String(seen.fence) }, ":beat": { N: String(seen.beat) } },
  };
}

/** @throws CursorTableError for what a person has to mend, everything else as it is. */
export function explainTableError(error: unknown, tableName: string): never {
  const at = `DYNAMODB_TABLE_NAME=${tableName}`;
  if (error instanceof ResourceNotFoundException) {
    throw new CursorTableError(`${at}: there is no such table: create it with the text key id`, { cause: error });
  }
  if (error instanceof Error && error.name === "ValidationException") {
    throw new CursorTableError(`${at}: must have one key, the text id (${error.message})`, { cause: error });
  }
  if (error instanceof Error && error.message.startsWith("Region is missing")) {
    throw new CursorTableError("AWS_REGION is not set: must be the region of the table", { cause: error });
  }
  throw error;
}

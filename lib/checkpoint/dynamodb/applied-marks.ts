/**
 * How far everything has been applied, as an item beside the cursors: an ingester without a database reads there where its stream lost its
 * memory. Whoever reads the stream copies it from the database.
 */
import { type DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { SavedCursor } from "../../core/cursor.ts";
import { cursorAttribute, cursorOf } from "./item.ts";
import { explainTableError } from "./table.ts";

export interface AppliedMarksOptions {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  /** The stream's name: several deployments may share a table. */
  readonly name: string;
}

export interface AppliedMarks {
  /**
   * Null where nothing has been applied of this relay. Rejects with CursorTableError, as DynamoDB does where it is away, and with MarksUnknownError
   * where nobody has looked yet: that passes once a reader of the stream runs.
   */
  read(relay: string): Promise<SavedCursor | null>;
  /** In place of what was there, also where that is further: after a restore the database has less. Rejects as `read` does. */
  write(marks: readonly SavedCursor[]): Promise<void>;
}

/** Nobody has ever said how far everything has been applied: neither that nothing has. */
export class MarksUnknownError extends Error {
  override readonly name = "MarksUnknownError";

  constructor(stream: string, tableName: string) {
    super(
      `DYNAMODB_TABLE_NAME=${tableName}: nobody has written there yet how far ${stream} has been applied; the first that reads the stream (work or poll, with the same table) does`,
    );
  }
}

export function createAppliedMarks({ client, tableName, name }: AppliedMarksOptions): AppliedMarks {
  const id = { S: `applied:${name}` };
  const explained = <Result>(work: Promise<Result>) =>
    work.catch((error: unknown) => explainTableError(error, tableName));
  return {
    async read(relay) {
      const { Item } = await explained(
        client.send(new GetItemCommand({ TableName: tableName, Key: { id }, ConsistentRead: true })),
      );
      if (Item === undefined) throw new MarksUnknownError(name, tableName);
      const marks = Item["marks"]?.L ?? [];
      return marks.map(cursorOf).find((mark) => mark.relay === relay) ?? null;
    },
    async write(marks) {
      const Item = { id, marks: { L: marks.map(cursorAttribute) } };
      await explained(client.send(new PutItemCommand({ TableName: tableName, Item })));
    },
  };
}

/** Who knows how far everything of a relay has been applied, for a Redis that lost its memory: the database, or the table that readers copy it to. */
import { createAppliedMarks } from "../../lib/checkpoint/dynamodb/applied-marks.ts";
import { createDynamoClient } from "../../lib/checkpoint/dynamodb/client.ts";
import type { SavedCursor } from "../../lib/core/cursor.ts";

export interface MarksTableOptions {
  readonly tableName: string;
  /** The stream's name. */
  readonly name: string;
  readonly region: string | null;
  /** Null: AWS itself. */
  readonly endpoint: string | null;
}

/** What the table says. Rejects as `AppliedMarks` does. */
export async function readMarkInTable(relay: string, options: MarksTableOptions): Promise<SavedCursor | null> {
  const { tableName, name, region, endpoint } = options;
  const client = createDynamoClient({ region, endpoint });
  try {
    return await createAppliedMarks({ client, tableName, name }).read(relay);
  } finally {
    client.destroy();
  }
}

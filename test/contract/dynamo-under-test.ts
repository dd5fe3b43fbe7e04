/** Fenced cursors on a new table of a DynamoDB API server, as the shared suite wants them. */
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { createDynamoCheckpoint, type DynamoCheckpoint } from "../../lib/checkpoint/dynamodb/checkpoint.ts";
import { createCursorTable } from "../support/dynalite.ts";
import { TestTelemetry } from "../support/ingest-doubles.ts";

/** Takers over do not wait, and holders do not renew: who has the lease is what each test says. */
const times = { renewEveryMs: 60_000, holdForMs: 60_000, takeOverAfterMs: 0, watchEveryMs: 5, refuseAfterMs: 60_000 };

export interface DynamoUnderTest extends AsyncDisposable {
  open(): DynamoCheckpoint;
}

export async function createDynamoUnderTest(client: DynamoDBClient): Promise<DynamoUnderTest> {
  const tableName = await createCursorTable(client);
  const opened = new AsyncDisposableStack();
  return {
    open: () =>
      opened.use(
        createDynamoCheckpoint({
          client,
          tableName,
          name: "events",
          owner: "test",
          standby: true,
          signal: new AbortController().signal,
          telemetry: new TestTelemetry(),
          onStandby: () => undefined,
          onTrouble: () => undefined,
          times,
        }),
      ),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

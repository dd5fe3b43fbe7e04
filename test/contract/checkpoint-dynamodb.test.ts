import { afterAll, beforeAll } from "vitest";
import { createDynamoCheckpoint } from "../../lib/checkpoint/dynamodb/checkpoint.ts";
import { type LocalDynamo, startDynalite } from "../support/dynalite.ts";
import { TestTelemetry } from "../support/ingest-doubles.ts";
import { describeCheckpointContract } from "./checkpoint-contract.ts";

let dynamo: LocalDynamo;

beforeAll(async () => {
  dynamo = await startDynalite();
});

afterAll(() => dynamo[Symbol.asyncDispose]());

/** Takers over do not wait, and holders do not renew: who has the lease is what each test says. */
const times = { renewEveryMs: 60_000, holdForMs: 60_000, takeOverAfterMs: 0, watchEveryMs: 5, refuseAfterMs: 60_000 };

describeCheckpointContract({
  name: "the cursor in DynamoDB",
  async create() {
    const tableName = await dynamo.createTable();
    const opened = new AsyncDisposableStack();
    return {
      open: () =>
        opened.use(
          createDynamoCheckpoint({
            client: dynamo.client,
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
  },
});

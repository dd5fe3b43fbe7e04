import { afterAll, beforeAll } from "vitest";
import { type LocalDynamo, startDynalite } from "../support/dynalite.ts";
import { describeCheckpointContract } from "./checkpoint-contract.ts";
import { createDynamoUnderTest } from "./dynamo-under-test.ts";

let dynamo: LocalDynamo;

beforeAll(async () => {
  dynamo = await startDynalite();
});

afterAll(() => dynamo[Symbol.asyncDispose]());

describeCheckpointContract({
  name: "the cursor in DynamoDB",
  create: () => createDynamoUnderTest(dynamo.client),
});

/** The Kinesis writer behind the shared suite, with a reader in order of shards. */
import { afterAll, beforeAll } from "vitest";
import { type KinesisLocal, startKinesisLocal } from "../support/kinesis-local.ts";
import { createKinesisUnderTest } from "./kinesis-under-test.ts";
import { describeStreamContract } from "./stream-contract.ts";

let server: KinesisLocal;

beforeAll(async () => {
  server = await startKinesisLocal();
});

afterAll(() => server[Symbol.asyncDispose]());

describeStreamContract({
  name: "the Kinesis stream",
  appendResolvesWhen: "stored",
  create: () => createKinesisUnderTest(server),
  schedules: 6,
});

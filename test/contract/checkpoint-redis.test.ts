import { randomBytes } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { createRedisCheckpoint } from "../../lib/checkpoint/redis/checkpoint.ts";
import { describeWithRedis, type RedisServer, startRedis } from "../support/redis-server.ts";
import { describeCheckpointContract } from "./checkpoint-contract.ts";

describeWithRedis("with a real Redis", () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
  });

  afterAll(() => server[Symbol.asyncDispose]());

  describeCheckpointContract({
    name: "the cursor in Redis",
    create() {
      const cursorKey = `cursor-${randomBytes(6).toString("hex")}`;
      const open = () =>
        createRedisCheckpoint({ client: server.client, cursorKey, firstRelay: "relay.test", holdsLanes: true });
      return Promise.resolve({ open, [Symbol.asyncDispose]: () => Promise.resolve() });
    },
  });
});

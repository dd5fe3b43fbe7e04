/** A Valkey that lost its memory, and an ingester without a database: what the poller has copied says where reading begins again. */
import { GetItemCommand } from "@aws-sdk/client-dynamodb";
import pg from "pg";
import { expect, test } from "vitest";
import { createAppliedMarks, MarksUnknownError } from "../../lib/checkpoint/dynamodb/applied-marks.ts";
import { createRedisCheckpoint } from "../../lib/checkpoint/redis/checkpoint.ts";
import { moveGaps } from "../../lib/checkpoint/redis/gaps.ts";
import type { Gap } from "../../lib/core/cursor.ts";
import { startDynalite } from "../support/dynalite.ts";
import { differences } from "../support/expected-end.ts";
import { createPollScene } from "../support/poll-scene.ts";
import { startRedisProcess, untilHandled } from "../support/redis-scene.ts";
import { describeWithRedis, startRedis } from "../support/redis-server.ts";
import { LAST_SEQ, startRelay } from "../support/unified-process.ts";

const LIMIT_MS = 180_000;

describeWithRedis("a stream that lost its memory", () => {
  test(
    "is filled again from what the poller has copied of the database, and its gap comes into the ledger",
    async () => {
      await using server = await startRedis();
      await using dynamo = await startDynalite();
      const table = { DYNAMODB_TABLE_NAME: await dynamo.createTable(), AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint };
      await using scene = await createPollScene({ server, env: table });
      await using relay = await startRelay("--speed", "500");
      const env = { ...scene.ingesterEnv, ...table, RELAY_URL: relay.url };
      await using ingester = startRedisProcess(env, "ingest", "--from", "oldest");
      await using poller = startRedisProcess({ ...scene.env, RELAY_URL: relay.url }, "poll");
      const mark = async () => {
        const Key = { id: { S: "applied:firehose:events" } };
        const { Item } = await dynamo.client.send(new GetItemCommand({ TableName: table.DYNAMODB_TABLE_NAME, Key }));
        return Number(Item?.["marks"]?.L?.[0]?.M?.["seq"]?.N ?? -1);
      };
      await expect.poll(mark, { timeout: 60_000, interval: 200 }).toBeGreaterThan(500);
      await server.client.flushall();
      await ingester.until(({ counters }) => counters["stream_set_backs_total"] === 1);
      await ingester.until(({ cursor }) => cursor === LAST_SEQ);
      await untilHandled(server);
      const pool = new pg.Pool({ connectionString: scene.database.connectionString, max: 1 });
      const gaps = async () =>
        (await pool.query<{ reason: string }>("SELECT reason FROM gaps")).rows.map(({ reason }) => reason);
      await expect.poll(gaps, { timeout: 30_000, interval: 200 }).toContain("stream-lost");
      expect(await differences(pool)).toEqual([]);
      await pool.end();
      expect(await server.client.hlen("firehose:cursor:gaps")).toBe(0);
      for (const each of [ingester, poller]) expect(await each.kill("SIGTERM")).toEqual({ code: 0, signal: null });
      // Another start of it, with a Redis that has nothing, begins there as well, whatever it is told for a first start.
      await server.client.flushall();
      await using again = startRedisProcess(env, "ingest", "--from", "live", "--exit-when-idle", "2");
      expect(await again.exit).toEqual({ code: 0, signal: null });
      expect(again.stderr()).toMatch(/Redis lost its memory/);
    },
    LIMIT_MS,
  );
});

const gap: Gap = {
  reason: "outdated-cursor",
  relay: "relay.test",
  epoch: 1,
  afterSeq: 5,
  beforeSeq: 9,
  fromTimeMs: null,
  toTimeMs: null,
  detail: "the relay had no more",
};

describeWithRedis("gaps in Redis", () => {
  test("go to whoever takes them, once, and stay where nobody does", async () => {
    await using server = await startRedis();
    const { client } = server;
    const cursorKey = "cursor";
    const checkpoint = createRedisCheckpoint({ client, cursorKey, firstRelay: "relay.test", holdsLanes: true });
    await checkpoint.recordGap(gap);
    await client.hset("cursor:gaps", "other", "no gap");
    await expect(moveGaps(client, { cursorKey, record: () => Promise.reject(new Error("away")) })).rejects.toThrow(
      "away",
    );
    const taken: Gap[] = [];
    const record = (one: Gap) => Promise.resolve(void taken.push(one));
    expect(await moveGaps(client, { cursorKey, record })).toBe(1);
    expect(await moveGaps(client, { cursorKey, record })).toBe(0);
    expect(taken).toEqual([gap]);
    expect(await client.hkeys("cursor:gaps")).toEqual(["other"]);
  });
});

test("marks are of one stream, by relay, and what is written last counts, also where it is less", async () => {
  await using dynamo = await startDynalite();
  const tableName = await dynamo.createTable();
  const marks = createAppliedMarks({ client: dynamo.client, tableName, name: "events" });
  const other = createAppliedMarks({ client: dynamo.client, tableName, name: "other" });
  await expect(marks.read("relay.test")).rejects.toThrow(MarksUnknownError);
  await marks.write([]);
  expect(await marks.read("relay.test")).toBeNull();
  const mark = { relay: "relay.test", epoch: 2, seq: 70, timeMs: 1_795_000_000_000 };
  await marks.write([mark, { ...mark, relay: "second.test", seq: 3, timeMs: null }]);
  expect(await marks.read("relay.test")).toEqual(mark);
  expect(await marks.read("second.test")).toMatchObject({ seq: 3, timeMs: null });
  await marks.write([{ ...mark, seq: 60 }]);
  expect(await marks.read("relay.test")).toMatchObject({ seq: 60 });
  await expect(other.read("relay.test")).rejects.toThrow(/nobody has written there yet/);
  const missing = createAppliedMarks({ client: dynamo.client, tableName: "not-there", name: "events" });
  await expect(missing.read("relay.test")).rejects.toThrow("DYNAMODB_TABLE_NAME=not-there: there is no such table");
});

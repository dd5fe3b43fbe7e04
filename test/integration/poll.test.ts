/** `standpipe poll` as a process: a real Redis, the real client of Lambda over HTTP, and the function's handler behind it, into real Postgres. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { encodePack } from "../../lib/core/pack.ts";
import { PackBuilder } from "../../lib/core/pack-builder.ts";
import { MAX_EVENT_BYTES } from "../../lib/stream/lambda/limits.ts";
import type { MappedFunction } from "../support/event-source-mapping/port.ts";
import { differences } from "../support/expected-end.ts";
import { type EndpointFault, type LambdaEndpoint, TOO_MANY } from "../support/lambda/endpoint.ts";
import { makePack } from "../support/packs.ts";
import { createPollScene, type PollScene } from "../support/poll-scene.ts";
import { startRedisProcess, untilHandled } from "../support/redis-scene.ts";
import { describeWithRedis, type RedisServer, startRedis } from "../support/redis-server.ts";
import { SECRET_ID, startSecretsServer } from "../support/secrets-server.ts";
import { LAST_SEQ, startRelay } from "../support/unified-process.ts";

/** Each starts several processes one after another, on a machine that may be busy. */
const LIMIT_MS = 180_000;

/** Everything in which the database differs from the network's end, gaps included. */
async function faultsOf({ database }: PollScene): Promise<string[]> {
  const pool = new pg.Pool({ connectionString: database.connectionString, max: 1 });
  try {
    const { rows } = await pool.query<{ detail: string }>("SELECT detail FROM gaps");
    return [...(await differences(pool)), ...rows.map(({ detail }) => `gap: ${detail}`)];
  } finally {
    await pool.end();
  }
}

/** Delivered and not acknowledged, by stream. */
async function pendingOf({ client }: RedisServer, lane: number): Promise<readonly string[]> {
  const rows = (await client.xpending(`firehose:events:${lane}`, "firehose-processors", "-", "+", 100)) as [string][];
  return rows.map(([id]) => id);
}

const idsOf = ({ event }: LambdaEndpoint["calls"][number]): string[] =>
  event.Records.map(({ kinesis }) => kinesis.sequenceNumber);

describeWithRedis("the poller", () => {
  let server: RedisServer;

  // One each, so that what a test that failed has left cannot disturb the next.
  beforeEach(async () => {
    server = await startRedis();
  });

  afterEach(() => server[Symbol.asyncDispose]());

  /** One kind after the other, with calls between them that are let through. */
  const FAULTS: readonly EndpointFault[] = [
    TOO_MANY,
    { kind: "error", status: 500, type: "ServiceException" },
    { kind: "cut" },
    { kind: "function-error", type: "Runtime.ExitError" },
    { kind: "cut-after" },
  ];
  const EVERY = 4;

  test(
    "brings a whole network through the function into Postgres, with calls that are throttled, fail, break and are done without an answer",
    async () => {
      await using scene = await createPollScene({ server });
      const { lambda } = scene;
      lambda.decide = () => {
        const turn = lambda.calls.length / EVERY;
        return (Number.isInteger(turn) ? FAULTS[turn % FAULTS.length] : undefined) ?? { kind: "none" };
      };
      await using relay = await startRelay("--speed", "2000");
      await using poller = startRedisProcess(scene.env, "poll", "--exit-when-idle", "3");
      await using ingester = startRedisProcess(
        { ...scene.ingesterEnv, RELAY_URL: relay.url },
        "ingest",
        "--from",
        "oldest",
        "--exit-when-idle",
        "2",
      );
      expect(await ingester.exit).toEqual({ code: 0, signal: null });
      expect(await poller.exit).toEqual({ code: 0, signal: null });
      expect(await faultsOf(scene)).toEqual([]);
      expect(new Set(lambda.calls.map(({ fault }) => fault)).size).toBe(5);
      expect(lambda.mostAtATime).toBe(1);
      expect(new Set(lambda.calls.map(({ functionName }) => functionName))).toEqual(new Set(["index-events"]));
      for (let lane = 0; lane < 8; lane++) expect(await pendingOf(server, lane)).toEqual([]);
    },
    LIMIT_MS,
  );

  /** A function that gives everything from the third record of its first call on back. */
  function failingOnce(): MappedFunction {
    let calls = 0;
    return {
      invoke: ({ Records }) => {
        const third = calls++ === 0 ? Records[2]?.kinesis.sequenceNumber : undefined;
        const batchItemFailures = third === undefined ? [] : [{ itemIdentifier: third }];
        return Promise.resolve({ kind: "answered", requestId: "1", payload: { batchItemFailures } });
      },
    };
  }

  test(
    "acknowledges what is below the lowest that failed, and gives the rest again, in order",
    async () => {
      await using scene = await createPollScene({
        server,
        fn: failingOnce(),
        env: { LANES: "4", BATCHING_WINDOW_MS: "1000" },
      });
      const ids: string[] = [];
      for (const number of [1, 2, 3, 4, 5]) {
        const fields = [
          "pack",
          Buffer.from(encodePack(makePack({ lane: 2, number }))),
          "count",
          "1",
          "events",
          String(number),
        ];
        ids.push(String(await server.client.xadd("firehose:events:2", "*", ...fields)));
      }
      // What comes after the first call is refused, so that what that one left can be looked at.
      const { lambda } = scene;
      const undisturbed = lambda.decide;
      lambda.decide = (call) => (lambda.calls.length === 0 ? undisturbed(call) : TOO_MANY);
      await using poller = startRedisProcess(scene.env, "poll");
      await poller.until(() => lambda.calls.length > 1);
      expect(await pendingOf(server, 2)).toEqual(ids.slice(2));
      lambda.decide = undisturbed;
      await untilHandled(server);
      expect(lambda.calls.map(idsOf).at(0)).toEqual(ids);
      expect(lambda.calls.map(idsOf).at(-1)).toEqual(ids.slice(2));
      expect(await poller.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    },
    LIMIT_MS,
  );

  test(
    "reads password and place from where AWS has them, and ends with 2 where a person has to mend something",
    async () => {
      await using secrets = await startSecretsServer();
      await server.client.config("SET", "requirepass", "s3cret/with?odd&characters");
      secrets.put(JSON.stringify({ username: "default", password: "s3cret/with?odd&characters" }));
      await using scene = await createPollScene({ server });
      const withSecret = { REDIS_SECRET_ARN: SECRET_ID, AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.endpoint };
      await using relay = await startRelay("--speed", "max");
      await using ingester = startRedisProcess(
        { ...scene.ingesterEnv, ...withSecret, RELAY_URL: relay.url },
        "ingest",
        "--from",
        "oldest",
        "--exit-when-idle",
        "2",
      );
      await using poller = startRedisProcess({ ...scene.env, ...withSecret }, "poll", "--exit-when-idle", "3");
      await poller.until(({ cursor }) => cursor === LAST_SEQ);
      expect(await poller.ask("/ready")).toEqual({ code: 200, json: { ready: true, reason: null } });
      for (const each of [ingester, poller]) {
        expect(await each.exit).toEqual({ code: 0, signal: null });
        expect(each.stdout() + each.stderr()).not.toContain("s3cret");
      }
      expect(await faultsOf(scene)).toEqual([]);
      const endOf = async (given: Readonly<Record<string, string>>) => {
        await using wrong = startRedisProcess({ ...scene.env, ...given }, "poll");
        const { code } = await wrong.exit;
        return `${code} ${wrong.stderr().split("\n").at(-1)}`;
      };
      expect(await endOf({})).toMatch(/^2 standpipe: REDIS_URL \(not shown here\)/);
      expect(await endOf({ ...withSecret, REDIS_SECRET_ARN: "other" })).toMatch(
        /^2 standpipe: REDIS_SECRET_ARN=other: /,
      );
      expect(await endOf({ ...withSecret, LANES: "4" })).toMatch(/^2 standpipe: LANES=4: .*LANES=8/);
      expect(await endOf({ REDIS_FORMAT: "events" })).toMatch(/^2 standpipe: REDIS_FORMAT=events: .*must be packs/);
      expect(await endOf({ INDEXER_FUNCTION: "" })).toMatch(/^2 standpipe: INDEXER_FUNCTION is not set/);
      expect(await endOf({ DATABASE_URL: "" })).toMatch(/^2 standpipe: DATABASE_URL is not set/);
    },
    LIMIT_MS,
  );

  test(
    "gives the function an event that no call can hold by way of the bucket",
    async () => {
      await using scene = await createPollScene({ server });
      const builder = new PackBuilder();
      const rawFrame = new Uint8Array(randomBytes(MAX_EVENT_BYTES + 1));
      const base = { seq: 1, did: "", timeMs: null, receivedAtMs: 1, rawFrame };
      builder.append({ kind: "rejected", ...base, reason: "broken-envelope", detail: "large" });
      const pack = builder.seal({ lane: 0, lanes: 8, relay: "relay.test", epoch: 1, fence: 1, number: 1 });
      const fields = ["pack", Buffer.from(encodePack(pack)), "count", "1", "events", "1"];
      await server.client.xadd("firehose:events:0", "*", ...fields);
      await using poller = startRedisProcess(scene.env, "poll");
      await untilHandled(server);
      expect(await poller.kill("SIGTERM")).toEqual({ code: 0, signal: null });
      expect([...scene.s3.objects.keys()]).toEqual([expect.stringContaining("/large-packs-test/large-packs/0/1-1-")]);
      const client = new pg.Client({ connectionString: scene.database.connectionString });
      await client.connect();
      const { rows } = await client.query("SELECT reason FROM standpipe.dead_letter");
      await client.end();
      expect(rows).toEqual([{ reason: "broken-envelope" }]);
    },
    LIMIT_MS,
  );

  test(
    "keeps what is no pack as a dead letter, tells what is unread, and goes on",
    async () => {
      await using scene = await createPollScene({ server });
      await server.client.xadd("firehose:events:0", "*", "pack", "no pack", "count", "1", "events", "1");
      await using poller = startRedisProcess(scene.env, "poll");
      await untilHandled(server);
      const metrics = async () => (await poller.ask("/metrics"))?.json as string;
      await expect.poll(metrics, { timeout: 20_000 }).toMatch(/^standpipe_unread_entries 0$/m);
      expect(await metrics()).toMatch(/^standpipe_oldest_unhandled_seconds 0$/m);
      expect(await poller.kill("SIGTERM")).toEqual({ code: 0, signal: null });
      const client = new pg.Client({ connectionString: scene.database.connectionString });
      await client.connect();
      const { rows } = await client.query("SELECT reason FROM standpipe.dead_letter");
      await client.end();
      expect(rows).toEqual([{ reason: "unreadable-pack" }]);
      expect(scene.lambda.calls).toEqual([]);
    },
    LIMIT_MS,
  );
});

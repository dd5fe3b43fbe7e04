/** Where an ingester with Redis begins, and who may go on: its cursor's key, `--from`, and the fences of ingesters and workers. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { differences } from "../support/expected-end.ts";
import { freePort } from "../support/free-port.ts";
import {
  createRedisScene,
  type RedisProcess,
  type RedisScene,
  startRedisProcess,
  untilHandled,
} from "../support/redis-scene.ts";
import { describeWithRedis, type RedisServer, startRedis } from "../support/redis-server.ts";
import { LAST_SEQ, startRelay } from "../support/unified-process.ts";

/** Each starts several processes one after another, on a machine that may be busy. */
const LIMIT_MS = 180_000;

async function faultsOf({ database }: RedisScene): Promise<string[]> {
  const pool = new pg.Pool({ connectionString: database.connectionString, max: 1 });
  try {
    const { rows } = await pool.query<{ detail: string }>("SELECT detail FROM gaps");
    return [...(await differences(pool)), ...rows.map(({ detail }) => `gap: ${detail}`)];
  } finally {
    await pool.end();
  }
}

/** Everything is read, applied and acknowledged, both end well, and the database is as the network's end. */
async function expectWholeNetwork(run: {
  readonly server: RedisServer;
  readonly scene: RedisScene;
  readonly ingester: RedisProcess;
  readonly worker: RedisProcess;
}): Promise<void> {
  await run.ingester.until(({ cursor }) => cursor === LAST_SEQ);
  await untilHandled(run.server);
  for (const each of [run.ingester, run.worker]) {
    expect(await each.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  }
  expect(await faultsOf(run.scene)).toEqual([]);
}

describeWithRedis("with Redis", () => {
  let server: RedisServer;

  // One each, so that what a test that failed has left cannot disturb the next.
  beforeEach(async () => {
    server = await startRedis();
  });

  afterEach(() => server[Symbol.asyncDispose]());

  test(
    "an ingester that nobody tells where to begin ends with 2, and says how to tell it; so it does where a person has to mend something",
    async () => {
      await using scene = await createRedisScene(server, { RELAY_URL: "ws://127.0.0.1:9" });
      const endOf = async (given: Readonly<Record<string, string>>, ...args: string[]) => {
        await using ingester = startRedisProcess({ ...scene.env, ...given }, "ingest", ...args);
        const { code } = await ingester.exit;
        return `${code} ${ingester.stderr().split("\n").at(-1)}`;
      };
      expect(await endOf({})).toMatch(/^2 standpipe: REDIS_CURSOR_KEY=firehose:cursor: .*--from live/);
      expect(await endOf({ DATABASE_URL: "" })).toMatch(/^2 standpipe: .*DATABASE_URL is not set.*--from live/);
      await server.client.set("firehose:cursor", "twelve");
      expect(await endOf({})).toMatch(/^2 standpipe: REDIS_CURSOR_KEY=firehose:cursor: holds no number/);
      const url = new URL(server.url);
      await server.client.call("ACL", "SETUSER", "limited", "on", ">secret", "~*", "+@all");
      Object.assign(url, { username: "limited", password: "wrong" });
      expect(await endOf({ REDIS_URL: url.href }, "--from", "live")).toMatch(
        /^2 standpipe: REDIS_URL \(not shown here\)/,
      );
      await server.client.flushall();
      await server.client.hset("firehose:cursor:state", "lanes", "4");
      const trim = await endOf({ REDIS_FORMAT: "packs", REDIS_TRIM: "maxlen" }, "--from", "live");
      expect(trim).toMatch(/^2 standpipe: REDIS_TRIM=maxlen: .*must be handled/);
      const lanes = await endOf({ REDIS_FORMAT: "packs" }, "--from", "live");
      expect(lanes).toMatch(/^2 standpipe: LANES=8: .*LANES=4/);
    },
    LIMIT_MS,
  );

  test(
    "an ingester goes on from the number of an established one, and the number goes on with it",
    async () => {
      await using scene = await createRedisScene(server, { REDIS_CURSOR_KEY: "firehose:python_cursor" });
      await using relay = await startRelay("--speed", "max");
      const env = { ...scene.env, RELAY_URL: relay.url };
      await server.client.set("firehose:python_cursor", "6000");
      await using ours = startRedisProcess(env, "ingest", "--exit-when-idle", "2");
      expect(await ours.exit).toEqual({ code: 0, signal: null });
      const seqs = async () =>
        (await server.client.xrange("firehose:events", "-", "+")).map(([, fields]) => Number(fields[5]));
      // It saves the number before the event is safe: that one comes again.
      expect(await seqs()).toEqual(Array.from({ length: LAST_SEQ - 5_999 }, (_, index) => 6_000 + index));
      expect(await server.client.get("firehose:python_cursor")).toBe(String(LAST_SEQ));
      // And back, and back again: the number counts, whoever wrote it last.
      await server.client.set("firehose:python_cursor", "6400");
      await server.client.del("firehose:events");
      await using again = startRedisProcess(env, "ingest", "--exit-when-idle", "2");
      expect(await again.exit).toEqual({ code: 0, signal: null });
      expect((await seqs())[0]).toBe(6_400);
    },
    LIMIT_MS,
  );

  test(
    "an ingester that was replaced ends with 1, also on a quiet relay",
    async () => {
      await using scene = await createRedisScene(server);
      await using relay = await startRelay("--speed", "max");
      const env = { ...scene.env, RELAY_URL: relay.url };
      await using older = startRedisProcess(env, "ingest", "--from", "oldest");
      await older.until(({ cursor }) => cursor === LAST_SEQ);
      await using newer = startRedisProcess(env, "ingest");
      expect(await older.exit).toEqual({ code: 1, signal: null });
      expect(older.stderr()).toMatch(/taken over/);
      expect(await newer.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    },
    LIMIT_MS,
  );

  test(
    "one worker is active and the other stands by, and takes over when the first dies",
    async () => {
      await using scene = await createRedisScene(server);
      await using relay = await startRelay("--speed", "500");
      await using ingester = startRedisProcess({ ...scene.env, RELAY_URL: relay.url }, "ingest", "--from", "oldest");
      await using first = startRedisProcess({ ...scene.env, CONSUMER_ID: "one" }, "work");
      await first.until(({ cursor }) => (cursor ?? 0) > 500);
      await using second = startRedisProcess({ ...scene.env, CONSUMER_ID: "two" }, "work");
      await second.until(({ standbyFor }) => standbyFor === "one");
      expect((await second.ask("/health"))?.code).toBe(200);
      expect((await second.ask("/ready"))?.code).toBe(503);
      await first.kill("SIGKILL");
      await second.until(({ standbyFor }) => standbyFor === null);
      await expectWholeNetwork({ server, scene, ingester, worker: second });
    },
    LIMIT_MS,
  );

  test(
    "a worker that was frozen and replaced commits nothing when it wakes up, and ends with 1",
    async () => {
      await using scene = await createRedisScene(server);
      await using relay = await startRelay("--speed", "500");
      await using ingester = startRedisProcess({ ...scene.env, RELAY_URL: relay.url }, "ingest", "--from", "oldest");
      await using frozen = startRedisProcess({ ...scene.env, CONSUMER_ID: "one" }, "work");
      await frozen.until(({ cursor }) => (cursor ?? 0) > 500);
      process.kill(frozen.pid, "SIGSTOP");
      await using second = startRedisProcess({ ...scene.env, CONSUMER_ID: "two" }, "work");
      await second.until(({ cursor }) => (cursor ?? 0) > 500);
      process.kill(frozen.pid, "SIGCONT");
      expect(await frozen.exit).toEqual({ code: 1, signal: null });
      expect(frozen.stderr()).toMatch(/another worker has taken over/);
      await expectWholeNetwork({ server, scene, ingester, worker: second });
    },
    LIMIT_MS,
  );

  test(
    "packs are spread over workers, a lane is in one of them, and one that ends leaves its lanes to the others",
    async () => {
      await using scene = await createRedisScene(server, { REDIS_FORMAT: "packs" });
      await using relay = await startRelay("--speed", "500");
      await using first = startRedisProcess({ ...scene.env, CONSUMER_ID: "one" }, "work");
      await using second = startRedisProcess({ ...scene.env, CONSUMER_ID: "two" }, "work");
      await using ingester = startRedisProcess({ ...scene.env, RELAY_URL: relay.url }, "ingest", "--from", "oldest");
      await Promise.all([first, second].map((each) => each.until(({ cursor }) => (cursor ?? 0) > 500)));
      expect(await first.kill("SIGTERM")).toEqual({ code: 0, signal: null });
      await expectWholeNetwork({ server, scene, ingester, worker: second });
    },
    LIMIT_MS,
  );

  test(
    "a server that becomes a replica for a while takes what waited when it is none any more",
    async () => {
      await using scene = await createRedisScene(server);
      await using relay = await startRelay("--speed", "500");
      await using ingester = startRedisProcess({ ...scene.env, RELAY_URL: relay.url }, "ingest", "--from", "oldest");
      await using worker = startRedisProcess(scene.env, "work");
      await worker.until(({ cursor }) => (cursor ?? 0) > 500);
      await server.client.replicaof("127.0.0.1", await freePort());
      await ingester.until(({ streamTrouble }) => /READONLY/.test(streamTrouble ?? ""));
      expect((await ingester.ask("/health"))?.code).toBe(200);
      await server.client.replicaof("NO", "ONE");
      await expectWholeNetwork({ server, scene, ingester, worker });
    },
    LIMIT_MS,
  );

  test(
    "an entry that somebody else was given meanwhile and has left is applied, and a full server is no reason not to begin",
    async () => {
      await using scene = await createRedisScene(server);
      const { client } = server;
      await using worker = startRedisProcess(scene.env, "work");
      const add = (did: string): Promise<string | null> =>
        client.xadd(
          "firehose:events",
          "*",
          "type",
          "identity",
          "data",
          JSON.stringify({ did, handle: "a.test" }),
          "seq",
          "7",
        );
      await add("did:web:first.test");
      await worker.until(({ cursor }) => cursor === 7);
      process.kill(worker.pid, "SIGSTOP");
      // What it has asked for already is answered by then.
      await sleep(1_000);
      await add("did:web:taken.test");
      await client.xreadgroup("GROUP", "firehose-processors", "debug", "COUNT", 1, "STREAMS", "firehose:events", ">");
      process.kill(worker.pid, "SIGCONT");
      await untilHandled(server);
      const pool = new pg.Pool({ connectionString: scene.database.connectionString, max: 1 });
      const { rows } = await pool.query<{ did: string }>("SELECT did FROM users ORDER BY did");
      expect(rows.map(({ did }) => did)).toEqual(["did:web:first.test", "did:web:taken.test"]);
      expect(await worker.kill("SIGTERM")).toEqual({ code: 0, signal: null });
      await client.config("SET", "maxmemory", "1");
      await using second = startRedisProcess(scene.env, "work");
      await second.until(({ streamTrouble, connected }) => connected && streamTrouble === null);
      await client.config("SET", "maxmemory", "512mb");
      expect(await second.kill("SIGTERM")).toEqual({ code: 0, signal: null });
      await pool.end();
    },
    LIMIT_MS,
  );

  test(
    "an entry that cannot be read is a dead letter in the database and in the established list, and stops nothing",
    async () => {
      await using scene = await createRedisScene(server);
      const { client } = server;
      await client.xadd("firehose:events", "*", "type", "commit", "data", "{broken", "seq", "1");
      await client.xadd(
        "firehose:events",
        "*",
        "type",
        "identity",
        "data",
        '{"did":"did:web:a.test","handle":"a.test"}',
        "seq",
        "2",
      );
      await using worker = startRedisProcess(scene.env, "work");
      await worker.until(
        ({ cursor, deadLetters, bytesInFlight }) => cursor === 2 && deadLetters === 1 && bytesInFlight === 0,
      );
      expect(await worker.kill("SIGTERM")).toEqual({ code: 0, signal: null });
      const [letter] = await client.xrange("firehose:dead-letters", "-", "+");
      expect(letter?.[1]).toEqual([
        "type",
        "commit",
        "data",
        "{broken",
        "seq",
        "1",
        "origId",
        expect.stringMatching(/^\d+-0$/),
        "deliveries",
        "1",
      ]);
      await using retry = startRedisProcess(scene.env, "dead-letters", "retry", "--all");
      await retry.exit;
      expect(`${retry.stdout()}${retry.stderr()}`).toMatch(/still failing: data is not a json object/);
    },
    LIMIT_MS,
  );
});

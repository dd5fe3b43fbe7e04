/** What of a stream is unread and how old it is, and that nothing of it is read while the right to is not certain. */
import { expect, test } from "vitest";
import { encodePack, type Pack } from "../../lib/core/pack.ts";
import { readBacklog } from "../../lib/stream/redis/backlog.ts";
import { createRedisClient } from "../../lib/stream/redis/client.ts";
import { createPackPacker } from "../../lib/stream/redis/entry-packs.ts";
import { createRedisReader } from "../../lib/stream/redis/reader.ts";
import { WaitingBytes } from "../../lib/stream/redis/waiting-bytes.ts";
import { CountingTelemetry } from "../support/counting-telemetry.ts";
import { makePack } from "../support/packs.ts";
import { describeWithRedis, type RedisServer, startRedis } from "../support/redis-server.ts";

const GROUP = "readers";
const KEYS = ["events:0", "events:1"];
/** Long ago by any clock. */
const OLD_MS = 1_700_000_000_000;

async function write({ client }: RedisServer, key: string, id: string): Promise<void> {
  await client.xadd(
    key,
    id,
    "pack",
    Buffer.from(encodePack(makePack({ lane: 0, number: 1 }))),
    "count",
    "1",
    "events",
    "1",
  );
}

async function take({ client }: RedisServer, key: string, count: number): Promise<void> {
  await client.xreadgroup("GROUP", GROUP, "one", "COUNT", count, "STREAMS", key, ">");
}

describeWithRedis("a stream", () => {
  test("without entries, or not there yet, has no backlog", async () => {
    await using server = await startRedis();
    expect(await readBacklog(server.client, { keys: KEYS, group: GROUP })).toEqual({ unread: 0, oldestSeconds: 0 });
  });

  test("that no group reads is all unread", async () => {
    await using server = await startRedis();
    await write(server, "events:0", `${OLD_MS}-0`);
    await write(server, "events:0", "*");
    const { unread, oldestSeconds } = await readBacklog(server.client, { keys: KEYS, group: GROUP });
    expect(unread).toBe(2);
    expect(oldestSeconds).toBeGreaterThan(3600);
  });

  test("counts as unread what was given to nobody, and as old what is not acknowledged, over all lanes", async () => {
    await using server = await startRedis();
    const { client } = server;
    for (const key of KEYS) await client.xgroup("CREATE", key, GROUP, "0", "MKSTREAM");
    await write(server, "events:0", `${OLD_MS}-0`);
    await write(server, "events:0", "*");
    await write(server, "events:1", "*");
    const look = () => readBacklog(client, { keys: KEYS, group: GROUP });
    expect((await look()).unread).toBe(3);
    await take(server, "events:0", 1);
    expect((await look()).unread).toBe(2);
    // Read and in hand: still the oldest.
    expect((await look()).oldestSeconds).toBeGreaterThan(3600);
    await client.xack("events:0", GROUP, `${OLD_MS}-0`);
    expect((await look()).oldestSeconds).toBeLessThan(60);
  });

  test("has no backlog where all of it was read, though the server counts wrong, and is counted right from then on", async () => {
    await using server = await startRedis();
    const { client } = server;
    for (const n of [1, 2, 3, 4]) await write(server, "events:0", `${OLD_MS}-${n}`);
    await client.xgroup("CREATE", "events:0", GROUP, "0");
    await take(server, "events:0", 4);
    await client.xack("events:0", GROUP, ...[1, 2, 3, 4].map((n) => `${OLD_MS}-${n}`));
    // As a replica has it when it takes over.
    await client.call("XGROUP", "SETID", "events:0", GROUP, `${OLD_MS}-4`, "ENTRIESREAD", "1");
    const unread = async () => (await readBacklog(client, { keys: ["events:0"], group: GROUP })).unread;
    expect(await unread()).toBe(0);
    await write(server, "events:0", "*");
    expect(await unread()).toBe(1);
  });

  test("is counted also where the server does not know a lag, as behind an entry that was deleted", async () => {
    await using server = await startRedis();
    const { client } = server;
    for (const n of [1, 2, 3]) await write(server, "events:0", `${OLD_MS}-${n}`);
    await client.xgroup("CREATE", "events:0", GROUP, `${OLD_MS}-1`);
    await client.xdel("events:0", `${OLD_MS}-3`);
    expect((await readBacklog(client, { keys: KEYS, group: GROUP })).unread).toBe(1);
  });

  test("is not read while the lease is not certain, and read on from when it is", async () => {
    await using server = await startRedis();
    await using resources = new AsyncDisposableStack();
    const connect = () => {
      const client = createRedisClient({ url: server.url, name: "test" });
      resources.defer(() => client.disconnect());
      return client;
    };
    let certain = false;
    const taken: Pack[] = [];
    const stop = new AbortController();
    const reader = createRedisReader({
      client: connect(),
      blocking: connect(),
      key: "events:0",
      group: GROUP,
      consumer: "two",
      packer: createPackPacker({ stream: "events:0", fence: 1, lanes: 4, places: new Map(), maxDeliveries: 10 }),
      readCount: 10,
      queue: { append: (pack) => Promise.resolve(void taken.push(pack)) },
      waiting: new WaitingBytes(1_000_000),
      mayRead: () => certain,
      isOurs: () => true,
      keepUnreadable: () => Promise.resolve(),
      maxDeadLetters: 10,
      telemetry: new CountingTelemetry(),
      random: Math.random,
      onEntries: () => undefined,
      onTrouble: () => undefined,
    });
    // One that somebody else was given, and one that nobody was.
    await server.client.xgroup("CREATE", "events:0", GROUP, "0", "MKSTREAM");
    for (const n of [1, 2]) await write(server, "events:0", `${OLD_MS}-${n}`);
    await take(server, "events:0", 1);
    const running = reader.run(stop.signal);
    const holders = async () =>
      ((await server.client.xinfo("CONSUMERS", "events:0", GROUP)) as unknown[][]).map((each) => each[1]);
    // It has begun, since the group's places were asked for.
    await expect.poll(() => server.client.info("commandstats")).toMatch(/xpending/);
    expect(await holders()).toEqual(["one"]);
    expect(taken).toEqual([]);
    certain = true;
    await expect.poll(() => taken.length).toBe(2);
    stop.abort();
    await running;
    await reader.settled();
  });
});

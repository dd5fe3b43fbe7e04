/** One reader of a stream against a real server: reads that are given up, acknowledgements that get lost, others in its group, and how it leaves. */
import { expect, test } from "vitest";
import { encodePack, type Pack } from "../../lib/core/pack.ts";
import { createRedisClient, type RedisClient } from "../../lib/stream/redis/client.ts";
import { createPackPacker } from "../../lib/stream/redis/entry-packs.ts";
import { createRedisReader, type RedisReader } from "../../lib/stream/redis/reader.ts";
import { WaitingBytes } from "../../lib/stream/redis/waiting-bytes.ts";
import { type RedisWaits, redisWaits } from "../../lib/stream/redis/waits.ts";
import { CountingTelemetry } from "../support/counting-telemetry.ts";
import { makePack } from "../support/packs.ts";
import { describeWithRedis, type RedisServer, startRedis } from "../support/redis-server.ts";

const KEY = "events:0";
const GROUP = "readers";
const CONSUMER = "ours";
const SHORT = redisWaits(1 / 20);

interface Scene extends AsyncDisposable {
  readonly reader: RedisReader;
  readonly taken: Pack[];
  readonly troubles: string[];
  /** Of the commands that answer at once. */
  readonly client: RedisClient;
  stop(): Promise<void>;
}

async function startReader(server: RedisServer, waits: RedisWaits): Promise<Scene> {
  const [client, blocking] = ["test", "test-read"].map((name) => createRedisClient({ url: server.url, name, waits }));
  if (client === undefined || blocking === undefined) throw new Error("no clients");
  await server.client.xgroup("CREATE", KEY, GROUP, "0", "MKSTREAM").catch(() => undefined);
  const [taken, troubles]: [Pack[], string[]] = [[], []];
  const stopping = new AbortController();
  const reader = createRedisReader({
    client,
    blocking,
    key: KEY,
    group: GROUP,
    consumer: CONSUMER,
    packer: createPackPacker({ stream: KEY, fence: 1, lanes: 4, places: new Map(), maxDeliveries: 10 }),
    readCount: 10,
    queue: { append: (pack) => Promise.resolve(void taken.push(pack)) },
    waiting: new WaitingBytes(1_000_000),
    waits,
    isOurs: (name) => name === CONSUMER,
    keepUnreadable: () => Promise.resolve(),
    maxDeadLetters: 10,
    telemetry: new CountingTelemetry(),
    random: Math.random,
    onEntries: () => undefined,
    onTrouble: (trouble) => void (trouble === null || troubles.push(trouble)),
  });
  const running = reader.run(stopping.signal);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await running;
    await reader.settled();
  };
  return {
    reader,
    taken,
    troubles,
    client,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      client.disconnect();
    },
  };
}

async function write({ client }: RedisServer, number: number): Promise<void> {
  const pack = Buffer.from(encodePack(makePack({ lane: 0, number })));
  await client.xadd(KEY, "*", "pack", pack, "count", "1", "events", String(number));
}

/** As CLIENT LIST has the connection that waits for entries; empty where it is away. */
async function readingClient({ client }: RedisServer): Promise<string> {
  const lines = String(await client.client("LIST")).split("\n");
  return lines.find((line) => line.includes("name=test-read")) ?? "";
}

const pending = async ({ client }: RedisServer): Promise<number> => Number((await client.xpending(KEY, GROUP))[0]);

async function consumers({ client }: RedisServer): Promise<readonly unknown[]> {
  return ((await client.xinfo("CONSUMERS", KEY, GROUP)) as unknown[][]).map((each) => each[1]);
}

describeWithRedis("a reader", () => {
  test("is given in order what comes after a read that it gave up", async () => {
    await using server = await startRedis();
    // It gives up while the server still waits for something to answer with.
    await using scene = await startReader(server, { ...SHORT, blockMs: 2_000, answerMs: -1_000 });
    const first = await expect
      .poll(() => readingClient(server))
      .toMatch(/flags=b/)
      .then(() => readingClient(server));
    await expect.poll(() => scene.troubles).toEqual([expect.stringMatching(/timed out/i)]);
    // It reads again: by another connection, or behind the read that it gave up.
    const idOf = (line: string): string | undefined => /id=\d+/.exec(line)?.[0];
    const readsAgain = (line: string): boolean => idOf(line) !== idOf(first) || !line.includes(" qbuf=0 ");
    await expect.poll(async () => readsAgain(await readingClient(server))).toBe(true);
    for (const number of [1, 2]) await write(server, number);
    await expect.poll(() => scene.taken.map(({ header }) => header.number)).toEqual([1, 2]);
  });

  test("says again what Redis did not hear, also where nothing more comes", async () => {
    await using server = await startRedis();
    await using scene = await startReader(server, SHORT);
    let isLost = false;
    const { client } = scene;
    const xack = client.xack.bind(client);
    Object.assign(client, {
      xack: (...args: Parameters<typeof xack>) => {
        if (isLost) return xack(...args);
        isLost = true;
        return Promise.reject(new Error("lost on the way"));
      },
    });
    await write(server, 1);
    await expect.poll(() => isLost).toBe(true);
    await expect.poll(() => pending(server)).toBe(0);
  });

  test("waits until others in its group are silent, also those that have nothing in hand, and as often as one comes", async () => {
    await using server = await startRedis();
    const { client } = server;
    // Asks for what it has in hand, which is nothing: so it is never given what ours should have.
    const theirs = () => void client.xreadgroup("GROUP", GROUP, "theirs", "COUNT", 1, "STREAMS", KEY, "0");
    await client.xgroup("CREATE", KEY, GROUP, "0", "MKSTREAM");
    await client.xgroup("CREATECONSUMER", KEY, GROUP, "theirs");
    let polling = setInterval(theirs, 20);
    await using scene = await startReader(server, SHORT);
    const sees = () => expect.poll(() => scene.troubles, { timeout: 10_000 });
    await write(server, 1);
    await sees().toContainEqual(expect.stringMatching(/^consumer theirs is at work/));
    expect(scene.taken).toEqual([]);
    clearInterval(polling);
    await expect.poll(() => scene.taken.length, { timeout: 10_000 }).toBe(1);
    scene.troubles.length = 0;
    polling = setInterval(theirs, 20);
    await sees().toContainEqual(expect.stringMatching(/^consumer theirs is at work/));
    clearInterval(polling);
    await write(server, 2);
    await expect.poll(() => scene.taken.length, { timeout: 10_000 }).toBe(2);
  });

  test("leaves no consumer behind it but one that has something in hand", async () => {
    await using server = await startRedis();
    const scene = await startReader(server, SHORT);
    await write(server, 1);
    await expect.poll(() => scene.taken.length).toBe(1);
    await scene.stop();
    expect(await consumers(server)).toEqual([CONSUMER]);
    await write(server, 2);
    await server.client.xreadgroup("GROUP", GROUP, CONSUMER, "COUNT", 1, "STREAMS", KEY, ">");
    await scene.reader.leave();
    expect(await consumers(server)).toEqual([CONSUMER]);
    await server.client.xack(KEY, GROUP, ...(await idsPending(server)));
    await scene.reader.leave();
    expect(await consumers(server)).toEqual([]);
    scene.client.disconnect();
  });
});

async function idsPending({ client }: RedisServer): Promise<string[]> {
  return ((await client.xpending(KEY, GROUP, "-", "+", 10)) as [string][]).map(([id]) => id);
}

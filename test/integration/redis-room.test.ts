/** The stream's room: what is trimmed, what is never, and where the ingester stops; on a real Redis. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRedisCheckpoint } from "../../lib/checkpoint/redis/checkpoint.ts";
import type { Entry } from "../../lib/core/entry-write.ts";
import type { Pack } from "../../lib/core/pack.ts";
import { type EntryForm, establishedForm, packForm } from "../../lib/stream/redis/entry-form.ts";
import { StreamRoom } from "../../lib/stream/redis/keep-room.ts";
import { createRedisWriter, type RedisWriter } from "../../lib/stream/redis/writer.ts";
import { CountingTelemetry } from "../support/counting-telemetry.ts";
import { makePack } from "../support/packs.ts";
import { describeWithRedis, type RedisServer, startRedis } from "../support/redis-server.ts";

const GROUP = "firehose-processors";
const RELAY = "relay.test";

describeWithRedis("room in a Redis stream", () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
  });

  afterAll(() => server[Symbol.asyncDispose]());

  test("is made by trimming what the group has acknowledged, never what it has not, and the writer waits for it", async () => {
    await using scene = await openScene(server, { maxEvents: 100 });
    const { client } = server;
    await client.xgroup("CREATE", scene.key, GROUP, "0", "MKSTREAM");
    for (let cut = 0; cut < 10; cut++) await scene.write(cut * 10 + 1, 10);
    const waiting = scene.write(101, 10);
    await scene.until(() => scene.trouble !== null);
    expect(scene.trouble).toMatch(/the stream is full: 100 events/);
    expect(await client.xlen(scene.key)).toBe(100);
    // Read and not acknowledged is not handled.
    const read = (await client.xreadgroup("GROUP", GROUP, "a", "COUNT", 30, "STREAMS", scene.key, ">")) as [
      string,
      [string, string[]][],
    ][];
    const ids = read[0]?.[1].map(([id]) => id) ?? [];
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await client.xlen(scene.key)).toBe(100);
    // With a hole: what is below the lowest that is pending goes, nothing else.
    await client.xack(scene.key, GROUP, ...ids.filter((_, index) => index !== 20));
    await waiting;
    expect(scene.trouble).toBeNull();
    expect(await scene.seqs()).toEqual(Array.from({ length: 90 }, (_, index) => String(index + 21)));
    expect(scene.telemetry.counted("trimmed_entries_total", "handled")).toBe(20);
  });

  test("is not made at all while the group does not exist", async () => {
    await using scene = await openScene(server, { maxEvents: 20 });
    await scene.write(1, 20);
    const waiting = scene.write(21, 1);
    waiting.catch(() => undefined);
    await scene.until(() => scene.trouble !== null);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await server.client.xlen(scene.key)).toBe(20);
  });

  test("is made at the cost of other groups only where they are not protected", async () => {
    for (const protectsAllGroups of [true, false]) {
      await using scene = await openScene(server, { maxEvents: 20, protectsAllGroups });
      const { client } = server;
      await client.xgroup("CREATE", scene.key, GROUP, "0", "MKSTREAM");
      await client.xgroup("CREATE", scene.key, "dashboard", "0");
      await scene.write(1, 20);
      await acknowledgeAll(server, scene.key, GROUP);
      const waiting = scene.write(21, 1);
      waiting.catch(() => undefined);
      if (protectsAllGroups) {
        await scene.until(() => scene.trouble !== null);
        await acknowledgeAll(server, scene.key, "dashboard");
      }
      await waiting;
      expect(await scene.seqs()).toEqual(["21"]);
    }
  });

  test("is never waited for with the old trimming, and what that drops is counted", async () => {
    await using scene = await openScene(server, { maxEvents: 100, maxLength: 100 });
    await server.client.xgroup("CREATE", scene.key, GROUP, "0", "MKSTREAM");
    for (let cut = 0; cut < 10; cut++) await scene.write(cut * 100 + 1, 100);
    const left = await server.client.xlen(scene.key);
    expect(left).toBeLessThan(400);
    expect(scene.telemetry.counted("trimmed_entries_total", "maxlen")).toBe(1_000 - left);
  });

  test("is made of what is handled also where the server is full long before the stream is", async () => {
    await using full = await startRedis();
    await using scene = await openScene(full, { maxEvents: 1_000_000 });
    const { client } = full;
    await client.xgroup("CREATE", scene.key, GROUP, "0", "MKSTREAM");
    const used = Number(/^used_memory:(\d+)/m.exec(await client.info("memory"))?.[1]);
    await client.config("SET", "maxmemory", used + 3_000_000);
    // Until it takes no more: each has some 100 KB.
    const filling = (async () => {
      for (let cut = 0; cut < 60; cut++) await scene.write(cut + 1, 1, "x".repeat(100_000));
    })();
    await scene.until(() => /OOM/.test(scene.trouble ?? ""));
    const handling = setInterval(() => void acknowledgeAll(full, scene.key, GROUP).catch(() => undefined), 100);
    await filling;
    clearInterval(handling);
    expect(scene.trouble).toBeNull();
    expect(scene.telemetry.counted("trimmed_entries_total", "handled")).toBeGreaterThan(10);
  }, 60_000);

  test("is counted in events where entries are packs", async () => {
    const key = newKey();
    const form = await packForm(server.client, { key, lanes: 4 });
    await using scene = await openPackScene(server, { key, form, maxEvents: 1_000 });
    await server.client.xgroup("CREATE", `${key}:0`, GROUP, "0", "MKSTREAM");
    for (let number = 1; number <= 10; number++) await scene.write(makePack({ lane: 0, number, events: 100 }));
    const waiting = scene.write(makePack({ lane: 0, number: 11, events: 100 }));
    await scene.until(() => scene.trouble !== null);
    expect(await server.client.xlen(`${key}:0`)).toBe(10);
    await acknowledgeAll(server, `${key}:0`, GROUP);
    await waiting;
    expect(await server.client.xlen(`${key}:0`)).toBe(1);
  });
});

async function acknowledgeAll({ client }: RedisServer, key: string, group: string): Promise<void> {
  const read = (await client.xreadgroup("GROUP", group, "a", "STREAMS", key, ">")) as [string, [string, string[]][]][];
  await client.xack(key, group, ...(read[0]?.[1].map(([id]) => id) ?? []));
}

function newKey(): string {
  return `stream-${randomBytes(6).toString("hex")}`;
}

interface Scene<Item> extends AsyncDisposable {
  readonly key: string;
  readonly telemetry: CountingTelemetry;
  readonly writer: RedisWriter<Item>;
  trouble: string | null;
  until(holds: () => boolean): Promise<void>;
}

interface SceneOptions {
  readonly maxEvents: number;
  readonly protectsAllGroups?: boolean;
  readonly maxLength?: number;
}

async function openWriter<Item>(
  { client }: RedisServer,
  {
    key,
    form,
    measure,
    ...options
  }: SceneOptions & { readonly key: string; readonly form: EntryForm<Item>; readonly measure: "entries" | "packs" },
): Promise<Scene<Item>> {
  const telemetry = new CountingTelemetry();
  const ledger = createRedisCheckpoint({ client, cursorKey: `${key}:cursor`, firstRelay: RELAY, holdsLanes: false });
  await ledger.acquire({ lanes: 1 });
  const { maxEvents, protectsAllGroups = false, maxLength = null } = options;
  const room = new StreamRoom({
    client,
    keys: form.keys,
    group: GROUP,
    protectsAllGroups,
    maxEvents,
    measure,
    telemetry,
  });
  const scene: Scene<Item> = {
    key,
    telemetry,
    trouble: null,
    writer: createRedisWriter({
      ledger,
      form,
      room,
      maxLength,
      telemetry,
      random: Math.random,
      onTrouble: (trouble) => {
        scene.trouble = trouble;
      },
    }),
    async until(holds) {
      for (const end = performance.now() + 20_000; !holds(); ) {
        if (performance.now() > end) throw new Error("it does not come about");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    [Symbol.asyncDispose]() {
      scene.writer[Symbol.dispose]();
      return Promise.resolve();
    },
  };
  return scene;
}

async function openScene(server: RedisServer, options: SceneOptions) {
  const key = newKey();
  const scene = await openWriter<Entry>(server, { ...options, key, form: establishedForm(key), measure: "entries" });
  return Object.assign(scene, {
    write(from: number, count: number, data = "{}"): Promise<void> {
      const items = Array.from(
        { length: count },
        (_, index): Entry => ({ type: "commit", data, seq: String(from + index) }),
      );
      return scene.writer.append({ items, cursor: { relay: RELAY, epoch: 1, seq: from + count - 1, timeMs: null } });
    },
    async seqs(): Promise<string[]> {
      return (await server.client.xrange(key, "-", "+")).map(([, fields]) => fields[5] ?? "");
    },
  });
}

async function openPackScene(
  server: RedisServer,
  options: SceneOptions & { readonly key: string; readonly form: EntryForm<Pack> },
) {
  const scene = await openWriter<Pack>(server, { ...options, measure: "packs" });
  return Object.assign(scene, {
    write(pack: Pack): Promise<void> {
      return scene.writer.append({
        items: [pack],
        cursor: { relay: RELAY, epoch: 1, seq: pack.header.lastSeq, timeMs: null },
      });
    },
  });
}

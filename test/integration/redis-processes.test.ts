/** `standpipe ingest` and `standpipe work` over a real Redis: a recorded network into Postgres, in both forms. */
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { differences } from "../support/expected-end.ts";
import { createRedisScene, type RedisScene, startRedisProcess } from "../support/redis-scene.ts";
import { describeWithRedis, type RedisServer, startRedis } from "../support/redis-server.ts";
import { LAST_SEQ, startRelay } from "../support/unified-process.ts";

describeWithRedis("ingest and work with Redis", () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
  });

  beforeEach(async () => {
    await server.client.flushall();
  });

  afterAll(() => server[Symbol.asyncDispose]());

  test.each(["events", "packs"])(
    "bring a whole network into Postgres as %s, and end when nothing comes",
    async (format) => {
      await using scene = await createRedisScene(server, { REDIS_FORMAT: format });
      await using relay = await startRelay("--speed", "max");
      await using worker = startRedisProcess({ ...scene.env }, "work", "--exit-when-idle", "3");
      await using ingester = startRedisProcess(
        { ...scene.env, RELAY_URL: relay.url },
        "ingest",
        "--from",
        "oldest",
        "--exit-when-idle",
        "2",
      );
      await ingester.until(({ cursor }) => cursor === LAST_SEQ);
      expect((await ingester.ask("/health"))?.code).toBe(200);
      expect(await ingester.ask("/ready")).toEqual({ code: 200, json: { ready: true, reason: null } });
      expect(await ingester.exit).toEqual({ code: 0, signal: null });
      expect(ingester.stdout()).toContain(`6,501 events read, cursor ${LAST_SEQ} of 127`);
      expect(await server.client.get("firehose:cursor")).toBe(String(LAST_SEQ));
      await worker.until(({ cursor }) => cursor === LAST_SEQ);
      expect(await worker.ask("/ready")).toEqual({ code: 200, json: { ready: true, reason: null } });
      expect(await worker.exit).toEqual({ code: 0, signal: null });
      expect(await faultsOf(scene)).toEqual([]);
      expect(await pendingOf(server)).toBe(0);
    },
  );
});

/** Everything in which the database differs from the network's end, gaps included. */
async function faultsOf({ database }: RedisScene): Promise<string[]> {
  const pool = new pg.Pool({ connectionString: database.connectionString, max: 1 });
  try {
    const { rows } = await pool.query<{ detail: string }>("SELECT detail FROM gaps");
    return [...(await differences(pool)), ...rows.map(({ detail }) => `gap: ${detail}`)];
  } finally {
    await pool.end();
  }
}

/** Delivered and not acknowledged, in every stream. */
async function pendingOf({ client }: RedisServer): Promise<number> {
  let pending = 0;
  for (const key of await client.keys("firehose:events*")) {
    const [count] = (await client.xpending(key, "firehose-processors")) as [number];
    pending += count;
  }
  return pending;
}

/**
 * Guarantee 8 with Redis between two processes: each of the three is killed at random points, Redis forgets or goes back, and the database ends
 * where an undisturbed run ends. `STANDPIPE_FAULT_SEED` repeats a run's points.
 */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { expect, test } from "vitest";
import { type Random, seededRandom } from "../fuzz/mutate.ts";
import { differences } from "../support/expected-end.ts";
import { createLateProxy } from "../support/late-proxy.ts";
import {
  createRedisScene,
  type RedisProcess,
  type RedisScene,
  startRedisProcess,
  untilHandled,
} from "../support/redis-scene.ts";
import { describeWithRedis, type RedisServer, startRedis } from "../support/redis-server.ts";
import { LAST_SEQ, type RelayProcess, startRelay } from "../support/unified-process.ts";

const seed = Number(process.env["STANDPIPE_FAULT_SEED"] ?? Date.now());
const LIMIT_MS = 240_000;
/** So slow that the faults fall into the work, so fast that it is over soon. */
const EVENTS_PER_SECOND = "1000";

/** Two processes that are started again whenever they are killed. */
class Run implements AsyncDisposable {
  readonly scene: RedisScene;
  readonly #relay: Pick<RelayProcess, "url">;
  readonly #lives = new AsyncDisposableStack();
  ingester!: RedisProcess;
  worker!: RedisProcess;

  constructor(scene: RedisScene, relay: Pick<RelayProcess, "url">) {
    this.scene = scene;
    this.#relay = relay;
    this.startIngester();
    this.startWorker();
  }

  startIngester(): void {
    const env = { ...this.scene.env, RELAY_URL: this.#relay.url };
    this.ingester = this.#lives.use(startRedisProcess(env, "ingest", "--from", "oldest"));
  }

  startWorker(): void {
    this.worker = this.#lives.use(startRedisProcess(this.scene.env, "work"));
  }

  /** The end: everything is read, and everything is applied. */
  async ended(server: RedisServer): Promise<void> {
    await this.ingester.until(({ cursor }) => cursor === LAST_SEQ);
    await untilHandled(server);
    expect(await this.ingester.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(await this.worker.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#lives.disposeAsync();
  }
}

interface Ledger {
  readonly faults: readonly string[];
  readonly gaps: readonly string[];
}

async function ledgerOf({ database }: RedisScene): Promise<Ledger> {
  const pool = new pg.Pool({ connectionString: database.connectionString, max: 1 });
  try {
    const { rows } = await pool.query<{ reason: string }>("SELECT reason FROM gaps ORDER BY id");
    return { faults: await differences(pool), gaps: rows.map(({ reason }) => reason) };
  } finally {
    await pool.end();
  }
}

async function withSeed(work: (random: Random) => Promise<void>, offset: number): Promise<void> {
  try {
    await work(seededRandom(seed + offset));
  } catch (cause) {
    throw new Error(`with STANDPIPE_FAULT_SEED=${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** Everything up to a random event of this part of the recording is in the stream. */
async function atEvent(run: Run, random: Random, [fromShare, toShare]: readonly [number, number]): Promise<void> {
  const seq = Math.round(LAST_SEQ * fromShare) + random(Math.round(LAST_SEQ * (toShare - fromShare)));
  await run.ingester.until(({ cursor }) => (cursor ?? 0) >= seq);
  await sleep(random(50));
}

describeWithRedis("Redis between ingest and work", () => {
  test.each(["events", "packs"])(
    "kill -9 of ingester, worker and Redis at random points costs a replay and nothing else (%s)",
    (format) =>
      withSeed(
        async (random) => {
          await using server = await startRedis({ appendOnly: "everysec" });
          await using scene = await createRedisScene(server, { REDIS_FORMAT: format });
          await using relay = await startRelay("--speed", EVENTS_PER_SECOND);
          await using run = new Run(scene, relay);
          await atEvent(run, random, [0.05, 0.2]);
          await run.ingester.kill("SIGKILL");
          run.startIngester();
          await atEvent(run, random, [0.25, 0.4]);
          await run.worker.kill("SIGKILL");
          run.startWorker();
          await atEvent(run, random, [0.45, 0.6]);
          await server.kill();
          await sleep(random(1_000));
          await server.start();
          await atEvent(run, random, [0.65, 0.8]);
          await Promise.all([run.ingester.kill("SIGKILL"), run.worker.kill("SIGKILL"), server.kill()]);
          await server.start();
          run.startIngester();
          run.startWorker();
          await run.ended(server);
          expect(await ledgerOf(scene)).toEqual({ faults: [], gaps: [] });
          if (format === "events") expect(await repeatedSeqs(server)).toEqual([]);
        },
        format === "events" ? 0 : 1,
      ),
    LIMIT_MS,
  );

  test.each([
    [
      "FLUSHALL under load",
      async (server: RedisServer): Promise<void> => {
        await server.client.flushall();
      },
    ],
    [
      "a restart without a log of writes",
      async (server: RedisServer): Promise<void> => {
        await server.kill();
        await server.start();
      },
    ],
  ] as const)(
    "%s is noticed, told, recorded, and filled again from what has been applied",
    (_, forget): Promise<void> =>
      withSeed(async (random) => {
        await using server = await startRedis();
        await using scene = await createRedisScene(server);
        await using relay = await startRelay("--speed", EVENTS_PER_SECOND);
        await using run = new Run(scene, relay);
        await atEvent(run, random, [0.2, 0.4]);
        await run.worker.until(({ rows }) => (rows ?? 0) > 0);
        await forget(server);
        await run.ingester.waitForLine(/Redis lost its memory/);
        await run.ended(server);
        expect(await ledgerOf(scene)).toEqual({ faults: [], gaps: ["stream-lost"] });
      }, 2),
    LIMIT_MS,
  );

  test(
    "a replica that is promoted seconds behind takes cursor and entries back together",
    (): Promise<void> =>
      withSeed(async (random) => {
        await using primary = await startRedis();
        await using replica = await startRedis({ replicaOf: primary });
        await using address = await createLateProxy({ host: "127.0.0.1", port: primary.port });
        await address.open();
        await using scene = await createRedisScene({ url: `redis://127.0.0.1:${address.port}` });
        await using relay = await startRelay("--speed", EVENTS_PER_SECOND);
        await using run = new Run(scene, relay);
        await atEvent(run, random, [0.1, 0.2]);
        // It hears nothing more: what the primary takes for the next seconds it will never have.
        await replica.client.replicaof("NO", "ONE");
        const cursorThere = Number(await replica.client.get("firehose:cursor"));
        expect(cursorThere).toBeGreaterThan(0);
        await run.ingester.until(({ cursor }) => (cursor ?? 0) > cursorThere + 1_500);
        await address.shut();
        await primary.kill();
        await using promoted = await createLateProxy({ host: "127.0.0.1", port: replica.port }, address.port);
        await promoted.open();
        await run.ingester.waitForLine(/the stream has lost what it had taken; reading goes back/);
        await run.ended(replica);
        expect(await ledgerOf(scene)).toEqual({ faults: [], gaps: [] });
      }, 3),
    LIMIT_MS,
  );
});

/** Cursor and entries move together: what is in the stream does not come again, whatever was killed. */
async function repeatedSeqs({ client }: RedisServer): Promise<string[]> {
  const seen = new Set<string>();
  const repeated: string[] = [];
  for (const [, fields] of await client.xrange("firehose:events", "-", "+")) {
    const seq = fields[5] ?? "";
    if (seen.has(seq)) repeated.push(seq);
    seen.add(seq);
  }
  return repeated;
}

/** Another number of lanes for an ingester on Kinesis: the cursor's item, the database, and what is in the stream. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createHandler, type IndexEvents } from "../../functions/index-events/create-handler.ts";
import type { DynamoCheckpoint } from "../../lib/checkpoint/dynamodb/checkpoint.ts";
import { LeaseLostError } from "../../lib/checkpoint/dynamodb/errors.ts";
import { LanesChangedError } from "../../lib/checkpoint/port.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import type { Pack } from "../../lib/core/pack.ts";
import { createPool } from "../../lib/store/postgres-store.ts";
import {
  type AwsScene,
  type AwsServers,
  createScene,
  openCheckpoint,
  savedItem,
  startAwsServers,
  startIngester,
} from "../support/aws-scene.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { differences } from "../support/expected-end.ts";
import { invocation, kinesisEvent } from "../support/kinesis-events.ts";
import { type EndedCommand, runCommand } from "../support/run-command.ts";
import { LAST_SEQ, startRelay } from "../support/unified-process.ts";

let servers: AwsServers;
let scene: AwsScene;
let database: TestDatabase;

beforeAll(async () => {
  servers = await startAwsServers();
  database = await createTestDatabase();
});

afterAll(async () => {
  await servers[Symbol.asyncDispose]();
  await database.drop();
});

beforeEach(async () => {
  scene = await createScene(servers);
});

/** As the task that `npm run ops` starts has it: with the rights of the role that indexes. */
function migrate(...args: readonly string[]): Promise<EndedCommand> {
  const url = new URL(database.connectionString);
  url.searchParams.set("options", "-c role=indexer");
  return runCommand(["migrate", ...args], { ...scene.env, DATABASE_URL: url.href });
}

const open = (owner: string): DynamoCheckpoint => openCheckpoint(servers, scene, owner);

/** The function, with what is in the stream. */
class Consumer implements AsyncDisposable {
  readonly #function: IndexEvents;
  readonly faults: string[] = [];

  constructor(lanes: number) {
    this.#function = createHandler({
      settings: readSettings("index-events", {
        DATABASE_URL: database.connectionString,
        LANES: String(lanes),
        LOG_LEVEL: "warn",
      }),
      nowMs: Date.now,
      writeMetrics: () => undefined,
      writeLog: (line) => this.faults.push(line),
    });
  }

  async apply(packs: readonly Pack[]): Promise<void> {
    for (let at = 0; at < packs.length; at += 50) {
      const event = kinesisEvent(packs.slice(at, at + 50));
      expect(await this.#function.handle(event, invocation())).toEqual({ batchItemFailures: [] });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#function[Symbol.asyncDispose]();
  }
}

const inStream = async (): Promise<readonly Pack[]> => (await scene.reader().all()).map(({ pack }) => pack);

describe("standpipe migrate --lanes", () => {
  test("changes the item under a holder that lives, which is fenced and writes nothing over it", async () => {
    await using holder = open("the holder");
    const held = await holder.acquire({ lanes: 8 });
    const cursor = { relay: "relay.test", epoch: 3, seq: 500, timeMs: 1_795_000_000_000 };
    await holder.save(cursor, held);
    const { code, out } = await migrate("--lanes", "16");
    expect(code).toBe(0);
    expect(out).toMatch(/goes from LANES=8 to 16; the holder held the lease and is fenced/);
    expect(out).toMatch(/from now on LANES=16/);
    // Its own renewal, within seconds, finds that out.
    expect(await holder.lost).toBeInstanceOf(LeaseLostError);
    expect(await holder.save({ ...cursor, seq: 501 }, held)).toBe("fenced");
    await expect(open("the old stage").acquire({ lanes: 8 })).rejects.toThrow(LanesChangedError);
    await using next = open("the new stage");
    expect(await next.acquire({ lanes: 16 })).toEqual({ fence: held.fence + 2 });
    expect(await next.load("relay.test")).toEqual(cursor);
    // Repeated by mistake, it leaves the next one alone.
    expect((await migrate("--lanes", "16")).out).toMatch(/has LANES=16 already/);
    expect(await next.save({ ...cursor, seq: 501 }, { fence: held.fence + 2 })).toBe("saved");
  }, 30_000);

  test("says so where no ingester has begun, and what is missing where only one of both is named", async () => {
    expect(await migrate("--lanes", "4")).toMatchObject({ code: 0, out: expect.stringContaining("no ingester") });
    scene = { ...scene, env: { ...scene.env, DYNAMODB_TABLE_NAME: "" } };
    expect(await migrate("--lanes", "4")).toMatchObject({
      code: 2,
      err: expect.stringContaining("DYNAMODB_TABLE_NAME is not set"),
    });
    // Without the option nobody asks for it.
    expect((await migrate()).code).toBe(0);
  });
});

describe("the whole change, in the middle of a network", () => {
  test("loses nothing, and the ingester that was at work goes on with the new number", async () => {
    await using relay = await startRelay("--speed", "2000");
    const env = { ...scene.env, RELAY_URL: relay.url };
    await using before = startIngester({ ...env, LANES: "8" });
    await before.until(({ cursor }) => (cursor ?? 0) > 1_000);
    const { code, out } = await migrate("--lanes", "16");
    expect([code, out]).toEqual([0, expect.stringContaining("is fenced")]);
    expect(await before.exit).toEqual({ code: 1, signal: null });
    const { seq } = await savedItem(servers, scene);
    expect(seq).toBeLessThan(LAST_SEQ);
    // As a service starts it again before its settings are changed.
    await using stubborn = startIngester({ ...env, LANES: "8" });
    expect(await stubborn.exit).toEqual({ code: 2, signal: null });
    expect(stubborn.stderr()).toMatch(/written with LANES=16; keep that value/);
    // What the fenced one has written is applied before anything of the new ones, by a function that still has the old number.
    const old = await inStream();
    await using oldFunction = new Consumer(8);
    await oldFunction.apply(old);
    expect(await migrate("--lanes", "16")).toMatchObject({ code: 0 });
    await using after = startIngester({ ...env, LANES: "16" }, "--exit-when-idle", "2");
    expect(await after.exit).toEqual({ code: 0, signal: null });
    const fresh = (await inStream()).filter(({ header }) => header.lanes === 16);
    expect(new Set(fresh.map(({ header }) => header.lane)).size).toBeGreaterThan(8);
    await using newFunction = new Consumer(16);
    await newFunction.apply(fresh);
    expect([...oldFunction.faults, ...newFunction.faults]).toEqual([]);
    const pool = createPool({ connectionString: database.connectionString, poolSize: 1 });
    try {
      expect(await differences(pool)).toEqual([]);
      expect((await pool.query("SELECT * FROM gaps")).rows).toEqual([]);
      expect((await pool.query("SELECT DISTINCT lanes FROM standpipe.lane WHERE fence > 0")).rows).toEqual([
        { lanes: 16 },
      ]);
    } finally {
      await pool.end();
    }
    expect((await savedItem(servers, scene)).seq).toBe(LAST_SEQ);
  }, 120_000);
});

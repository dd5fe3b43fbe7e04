/** The fenced cursor in Postgres. */
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LanesChangedError } from "../../lib/checkpoint/port.ts";
import { createPostgresCheckpoint, setLanes } from "../../lib/checkpoint/postgres/checkpoint.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.connectionString, max: 4 });
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

const at = (seq: number, epoch = 1) => ({ relay: "relay.test", epoch, seq, timeMs: 1_700_000_000_000 + seq });

describe("the cursor in Postgres", () => {
  it("is nothing on a first start", async () => {
    const checkpoint = createPostgresCheckpoint(pool);
    expect(await checkpoint.load("relay.test")).toBeNull();
    expect(await checkpoint.lastDurableTimeMs()).toBeNull();
  });

  it("never moves back within its epoch, and the newest epoch counts", async () => {
    const checkpoint = createPostgresCheckpoint(pool);
    const fence = await checkpoint.acquire({ lanes: 8 });
    await checkpoint.save(at(10), fence);
    expect(await checkpoint.save(at(5), fence)).toBe("saved");
    expect(await checkpoint.load("relay.test")).toEqual(at(10));
    await checkpoint.save(at(3, 2), fence);
    expect(await checkpoint.load("relay.test")).toEqual(at(3, 2));
    // Of the cursor saved last: a time far ahead that some sender once claimed does not stay for ever.
    expect(await checkpoint.lastDurableTimeMs()).toBe(at(3).timeMs);
    expect(await checkpoint.load("other.test")).toBeNull();
  });

  it("keeps its time where a later save knows none", async () => {
    const checkpoint = createPostgresCheckpoint(pool);
    const fence = await checkpoint.acquire({ lanes: 8 });
    await checkpoint.save({ ...at(7), relay: "quiet.test" }, fence);
    await checkpoint.save({ ...at(8), relay: "quiet.test", timeMs: null }, fence);
    expect(await checkpoint.load("quiet.test")).toMatchObject({ seq: 8, timeMs: at(7).timeMs });
  });

  it("is not written by an older process once a newer one has taken over", async () => {
    const older = createPostgresCheckpoint(pool);
    const oldFence = await older.acquire({ lanes: 8 });
    const newer = createPostgresCheckpoint(pool);
    const newFence = await newer.acquire({ lanes: 8 });
    expect(newFence.fence).toBeGreaterThan(oldFence.fence);
    expect(await older.save(at(99, 2), oldFence)).toBe("fenced");
    expect(await newer.load("relay.test")).toEqual(at(3, 2));
    expect(await newer.save(at(99, 2), newFence)).toBe("saved");
  });

  it("gives every one of many that start together a fence of its own", async () => {
    const fences = await Promise.all(
      Array.from({ length: 8 }, () => createPostgresCheckpoint(pool).acquire({ lanes: 8 })),
    );
    expect(new Set(fences.map(({ fence }) => fence)).size).toBe(8);
  });

  it("holds the number of lanes, and says how to change it", async () => {
    const checkpoint = createPostgresCheckpoint(pool);
    await expect(checkpoint.acquire({ lanes: 4 })).rejects.toThrow(LanesChangedError);
    await expect(checkpoint.acquire({ lanes: 4 })).rejects.toThrow(/LANES=4: .*LANES=8.*standpipe migrate --lanes 4/);
    await pool.query("INSERT INTO standpipe.lane (lane, records, number) VALUES (0, 5, 3), (7, 6, 9)");
    await setLanes(pool, 4);
    await checkpoint.acquire({ lanes: 4 });
    const { rows } = await pool.query("SELECT lane, records FROM standpipe.lane");
    expect(rows).toEqual([{ lane: 0, records: "11" }]);
  });
});

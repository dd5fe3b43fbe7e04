/**
 * What does not depend on the machine, held hard: bytes an event, bytes a row, messages a batch, bytes allocated. Times are `npm run bench`'s
 * (docs/benchmarks.md), which also measures these at full size; here the load is small, and the limits are for that.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodePack } from "../../lib/core/pack.ts";
import { createConsumer } from "../bench/load/drain.ts";
import { PackLoad } from "../bench/load/packs.ts";
import { fill, type StoredBytes } from "../bench/parts/storage.ts";
import { createTestDatabase } from "../support/database.ts";

describe("a pack of 500 events of the network's mix", () => {
  it("takes at most 160 bytes an event", () => {
    const packs = new PackLoad({ lanes: 1 }).packs({ events: 5000, size: 500 });
    expect(packs).toHaveLength(10);
    const bytes = packs.reduce((sum, pack) => sum + encodePack(pack).length, 0);
    expect(bytes / 5000).toBeLessThanOrEqual(160);
    // Far below, the load would have lost what makes it real.
    expect(bytes / 5000).toBeGreaterThan(100);
  });
});

/** Bytes of heap: what was counted, and a tenth more for another version of the compiler. */
const MOST_ALLOCATED = 3_300;
/** No collection in between, and no compiling beside: the count is the same to a few bytes, however busy the machine is. */
const COUNTING = ["--expose-gc", "--single-threaded", "--min-semi-space-size=64", "--max-semi-space-size=64"];

describe("an event of the bundled recording", () => {
  it("allocates no more than it did on its way from frame to pack", () => {
    const script = fileURLToPath(new URL("../bench/allocations.ts", import.meta.url));
    const told = JSON.parse(execFileSync(process.execPath, [...COUNTING, script], { encoding: "utf8" })) as {
      readonly bytesAnEvent: number | null;
    };
    expect(told.bytesAnEvent).toBeLessThanOrEqual(MOST_ALLOCATED);
    // Far below, nothing would have been counted.
    expect(told.bytesAnEvent).toBeGreaterThan(500);
  });
});

describe("a batch", () => {
  it("takes the same few messages to the server whatever it holds", async () => {
    await using database = await createTestDatabase();
    await using consumer = createConsumer(database.connectionString, 1);
    const load = new PackLoad({ lanes: 1 });
    const messages: number[] = [];
    // The first makes the connection and asks for the relay's number.
    for (const size of [100, 100, 500, 2000]) {
      consumer.takeRoundTrips();
      await consumer.drain(load.source({ events: size, size }));
      messages.push(consumer.takeRoundTrips());
    }
    const [, small = 0, ...larger] = messages;
    expect(larger).toEqual([small, small]);
    expect(small).toBeLessThanOrEqual(MOST_MESSAGES);
  });
});

/** The mark, BEGIN, names, lock, revs under the paths of deletes, write, its rare statements, end, COMMIT. */
const MOST_MESSAGES = 10;

/** Bytes a row after 20,000 likes, 3,000 posts and 3,000 follows: what was measured, and up to a tenth more for pages that are not full. */
const MOST_BYTES = { likeRow: 73, likeIndexes: 90, actor: 180, subject: 230, tombstone: 170 } as const;

describe("stored bytes", () => {
  let stored: StoredBytes;
  let dispose: () => Promise<void>;

  beforeAll(async () => {
    const database = await createTestDatabase();
    const client = new Client({ connectionString: database.connectionString });
    await client.connect();
    dispose = async () => {
      await client.end();
      await database.drop();
    };
    const { connectionString } = database;
    stored = await fill({ client, connectionString }, { like: 20_000, post: 3000, follow: 3000 });
  });
  afterAll(() => dispose());

  it("of a like are its row and indexes as budgeted", () => {
    const [row = Number.NaN, ...indexes] = stored.like.values();
    expect(row / stored.rows.like).toBeLessThanOrEqual(MOST_BYTES.likeRow);
    expect(indexes.reduce((sum, bytes) => sum + bytes, 0) / stored.rows.like).toBeLessThanOrEqual(
      MOST_BYTES.likeIndexes,
    );
  });

  it("of an entry in the dictionaries as well", () => {
    const { actor, subject } = stored.dictionaries;
    expect(actor.bytes / actor.rows).toBeLessThanOrEqual(MOST_BYTES.actor);
    expect(subject.bytes / subject.rows).toBeLessThanOrEqual(MOST_BYTES.subject);
  });

  it("of a tombstone too", () => {
    expect(stored.tombstone).toBeLessThanOrEqual(MOST_BYTES.tombstone);
  });
});

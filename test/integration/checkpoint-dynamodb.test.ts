/** The lease of the fenced cursor in DynamoDB: who may send, who takes over and when, and what trouble with the table does. */
import { setTimeout as sleep } from "node:timers/promises";
import { GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createDynamoCheckpoint, type DynamoCheckpoint } from "../../lib/checkpoint/dynamodb/checkpoint.ts";
import { createDynamoClient } from "../../lib/checkpoint/dynamodb/client.ts";
import { CursorTableError, LeaseHeldError, LeaseLostError } from "../../lib/checkpoint/dynamodb/errors.ts";
import { LEASE_TIMES } from "../../lib/checkpoint/dynamodb/limits.ts";
import { type LocalDynamo, startDynalite } from "../support/dynalite.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { TestTelemetry } from "../support/ingest-doubles.ts";

/** The real times, twenty times as fast: 100 ms between renewals, 350 ms for sending, 500 ms until somebody takes over. */
const FASTER = 20;
const times = {
  renewEveryMs: LEASE_TIMES.renewEveryMs / FASTER,
  holdForMs: LEASE_TIMES.holdForMs / FASTER,
  takeOverAfterMs: LEASE_TIMES.takeOverAfterMs / FASTER,
  watchEveryMs: LEASE_TIMES.watchEveryMs / FASTER,
  refuseAfterMs: LEASE_TIMES.refuseAfterMs / FASTER,
};
const LANES = { lanes: 8 };
const at = (seq: number, { relay = "relay.test", epoch = 1 } = {}) => ({
  relay,
  epoch,
  seq,
  timeMs: 1_700_000_000_000 + seq,
});

let dynamo: LocalDynamo;
let proxy: FaultyProxy;
let tableName: string;
let telemetry: TestTelemetry;
let standbyFor: (string | null)[];
let troubles: (string | null)[];
const opened: DynamoCheckpoint[] = [];

beforeAll(async () => {
  dynamo = await startDynalite();
  proxy = await startFaultyProxy(dynamo.endpoint);
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await dynamo[Symbol.asyncDispose]();
});

beforeEach(async () => {
  tableName = await dynamo.createTable();
  telemetry = new TestTelemetry();
  standbyFor = [];
  troubles = [];
  proxy.decide = () => ({ kind: "none" });
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((checkpoint) => checkpoint[Symbol.asyncDispose]()));
});

interface OpenOptions {
  readonly standby?: boolean;
  readonly throughProxy?: boolean;
  readonly signal?: AbortSignal;
}

function open(owner: string, { standby = true, throughProxy = false, signal }: OpenOptions = {}): DynamoCheckpoint {
  const checkpoint = createDynamoCheckpoint({
    client: throughProxy ? createDynamoClient({ region: null, endpoint: proxy.endpoint }) : dynamo.client,
    tableName,
    name: "events",
    owner,
    standby,
    signal: signal ?? new AbortController().signal,
    telemetry,
    onStandby: (holder) => standbyFor.push(holder),
    onTrouble: (trouble) => troubles.push(trouble),
    times,
  });
  opened.push(checkpoint);
  return checkpoint;
}

async function timed<Result>(work: Promise<Result>): Promise<{ readonly result: Result; readonly tookMs: number }> {
  const startedAtMs = performance.now();
  return { result: await work, tookMs: performance.now() - startedAtMs };
}

/** From now on every write of this process fails, as if its network were cut. */
function cutOff(): void {
  proxy.decide = () => ({ kind: "error", status: 500, type: "InternalServerError" });
}

describe("the lease in DynamoDB", () => {
  test("leaves three seconds between the last sending and the first taking over, and takes over within fifteen", () => {
    expect(LEASE_TIMES.holdForMs).toBe(7_000);
    expect(LEASE_TIMES.takeOverAfterMs).toBe(10_000);
    // Seen late by one look, and noticed late by one look.
    expect(LEASE_TIMES.takeOverAfterMs + 2 * LEASE_TIMES.watchEveryMs).toBeLessThan(15_000);
  });

  test("stays with a holder that lives, however long another one waits", async () => {
    const holder = open("a");
    await holder.acquire(LANES);
    const stop = new AbortController();
    const waiting = open("b", { signal: stop.signal }).acquire(LANES);
    const outcome = waiting.then(
      () => "taken",
      (error: unknown) => error,
    );
    await sleep(3 * times.takeOverAfterMs);
    expect(holder.holds()).toBe(true);
    expect(standbyFor.at(-1)).toBe("a");
    const reason = new Error("stopped");
    stop.abort(reason);
    expect(await outcome).toBe(reason);
  });

  test("is taken over when the holder's item has not changed for so long, and not before", async () => {
    const holder = open("a", { throughProxy: true });
    const { fence } = await holder.acquire(LANES);
    await holder.save(at(10), { fence });
    cutOff();
    const { result, tookMs } = await timed(open("b").acquire(LANES));
    expect(result.fence).toBe(fence + 1);
    expect(tookMs).toBeGreaterThanOrEqual(times.takeOverAfterMs);
    expect(tookMs).toBeLessThan(15_000 / FASTER + 500);
    // The old one has stopped by itself long before.
    expect(holder.holds()).toBe(false);
    expect(telemetry.counts.get("lease_takeovers_total expired")).toBe(1);
    expect(standbyFor.at(-1)).toBeNull();
  });

  test("refuses the cursor of a zombie that wakes up, and tells it", async () => {
    const zombie = open("a", { throughProxy: true });
    const held = await zombie.acquire(LANES);
    cutOff();
    const newer = open("b");
    const fence = await newer.acquire(LANES);
    await newer.save(at(20), fence);
    const waiting = zombie.held().catch((error: unknown) => error);
    proxy.decide = () => ({ kind: "none" });
    expect(await zombie.save(at(99), held)).toBe("fenced");
    expect(await zombie.lost).toBeInstanceOf(LeaseLostError);
    expect(await waiting).toBeInstanceOf(LeaseLostError);
    expect(String(await zombie.lost)).toContain("(b)");
    await expect(zombie.held()).rejects.toThrow(LeaseLostError);
    expect(await newer.load("relay.test")).toEqual(at(20));
  });

  test("lets nothing be sent once it is too old, and again when it is renewed", async () => {
    const checkpoint = open("a", { throughProxy: true });
    const fence = await checkpoint.acquire(LANES);
    cutOff();
    await expect.poll(() => checkpoint.holds(), { timeout: 2_000, interval: 5 }).toBe(false);
    expect(troubles.at(-1)).toMatch(/the lease cannot be renewed/);
    const writes = proxy.calls.length;
    let isSaved = false;
    const saved = checkpoint.save(at(10), fence).then(() => {
      isSaved = true;
    });
    await sleep(100);
    // The cursor waits for the lease; only renewals are tried.
    expect(isSaved).toBe(false);
    const tried = proxy.calls.slice(writes).map(({ body }) => JSON.stringify(body));
    expect(tried.some((body) => body.includes('"relay.test"'))).toBe(false);
    proxy.decide = () => ({ kind: "none" });
    await saved;
    expect(checkpoint.holds()).toBe(true);
    expect(troubles.at(-1)).toBeNull();
    expect(await open("b").load("relay.test")).toEqual(at(10));
  });

  test("is given back at the end, so that the next one need not wait", async () => {
    const first = open("a");
    const { fence } = await first.acquire(LANES);
    await first.save(at(10), { fence });
    await first[Symbol.asyncDispose]();
    await expect(first.held()).rejects.toThrow(/closed/);
    const { result, tookMs } = await timed(open("b").acquire(LANES));
    expect(result.fence).toBe(fence + 1);
    expect(tookMs).toBeLessThan(times.takeOverAfterMs);
    expect(telemetry.counts.get("lease_takeovers_total released")).toBe(1);
  });

  test("refuses a second process that was not told to stand by", async () => {
    await open("a").acquire(LANES);
    const { result, tookMs } = await timed(
      open("b", { standby: false })
        .acquire(LANES)
        .catch((error: unknown) => error),
    );
    expect(result).toBeInstanceOf(LeaseHeldError);
    expect(String(result)).toMatch(/\(a\).*set STANDBY=true/);
    expect(tookMs).toBeGreaterThanOrEqual(times.refuseAfterMs);
  });

  test("a process that was not told to stand by takes over from a dead one all the same", async () => {
    const dead = open("a", { throughProxy: true });
    await dead.acquire(LANES);
    cutOff();
    expect((await open("b", { standby: false }).acquire(LANES)).fence).toBe(2);
  });
});

describe("writing the cursor to DynamoDB", () => {
  test("is never moved back by a write that comes through late, without an answer", async () => {
    const checkpoint = open("a", { throughProxy: true });
    const fence = await checkpoint.acquire(LANES);
    await checkpoint.save(at(5), fence);
    proxy.decide = () => ({ kind: "error-after", status: 500, type: "InternalServerError" });
    await expect(checkpoint.save(at(10), fence)).rejects.toThrow(/InternalServerError/);
    proxy.decide = () => ({ kind: "none" });
    // The table has 10 and another beat than this process knows of: it looks, and goes on.
    expect(await checkpoint.save(at(7), fence)).toBe("saved");
    expect(await checkpoint.load("relay.test")).toEqual(at(10));
    expect(await checkpoint.save(at(12), fence)).toBe("saved");
    expect(await open("b").load("relay.test")).toEqual(at(12));
  });

  test("records a switch of relay and a new epoch", async () => {
    const checkpoint = open("a");
    const fence = await checkpoint.acquire(LANES);
    await checkpoint.save(at(10), fence);
    await checkpoint.save(at(11), fence);
    await checkpoint.save(at(900, { relay: "other.test" }), fence);
    await checkpoint.save(at(2, { relay: "other.test", epoch: 2 }), fence);
    expect(telemetry.counts.get("relay_switches_total")).toBe(2);
    const { Item } = await dynamo.client.send(
      new GetItemCommand({ TableName: tableName, Key: { id: { S: "ingester:events" } } }),
    );
    const switches = Item?.["switches"]?.L?.map(({ M }) => [M?.["from"]?.M?.["seq"]?.N, M?.["to"]?.M?.["epoch"]?.N]);
    expect(switches).toEqual([
      ["11", "1"],
      ["900", "2"],
    ]);
  });

  test("keeps the item under a kilobyte, so that a write costs one unit", async () => {
    const checkpoint = open("host-0123456789ab.eu-central-1.compute.internal/12345/abcdefgh");
    const fence = await checkpoint.acquire(LANES);
    for (let epoch = 1; epoch <= 12; epoch++) {
      await checkpoint.save(at(30_000_000_000 + epoch, { relay: "bsky.network", epoch }), fence);
      await checkpoint.save(at(30_000_000_000 + epoch, { relay: "relay1.us-east.example", epoch }), fence);
    }
    const key = { id: { S: "ingester:events" } };
    const { Item } = await dynamo.client.send(new GetItemCommand({ TableName: tableName, Key: key }));
    expect(Item?.["switches"]?.L?.length).toBeGreaterThan(1);
    // Written once more as it is: only writes are counted by the kilobyte.
    const { ConsumedCapacity } = await dynamo.client.send(
      new PutItemCommand({ TableName: tableName, Item: Item ?? {}, ReturnConsumedCapacity: "TOTAL" }),
    );
    expect(ConsumedCapacity?.CapacityUnits).toBe(1);
  });

  test("says what is wrong with a table that is not there", async () => {
    tableName = "no-such-table";
    const refused = open("a").acquire(LANES);
    await expect(refused).rejects.toThrow(CursorTableError);
    await expect(refused).rejects.toThrow(/^DYNAMODB_TABLE_NAME=no-such-table: there is no such table/);
  });

  test("waits for a table that does not answer, and tells it once", async () => {
    cutOff();
    const acquired = open("a", { throughProxy: true }).acquire(LANES);
    await expect.poll(() => troubles.length).toBeGreaterThan(3);
    proxy.decide = () => ({ kind: "none" });
    expect((await acquired).fence).toBe(1);
    expect(telemetry.messages.filter((line) => line.startsWith("the cursor's table does not answer")).length).toBe(1);
  });
});

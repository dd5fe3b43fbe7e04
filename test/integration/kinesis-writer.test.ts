/** The Kinesis writer against a real API server, with AWS's bad days put in between. */
import { MergeShardsCommand, SplitShardCommand } from "@aws-sdk/client-kinesis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createKinesisClient, createS3Client } from "../../lib/stream/kinesis/client.ts";
import { createLargePackStore, fetchLargePack } from "../../lib/stream/kinesis/large-packs.ts";
import { readRecord } from "../../lib/stream/kinesis/read-record.ts";
import { createKinesisWriter, type KinesisWriter, type WriteGuard } from "../../lib/stream/kinesis/writer.ts";
import { type Fault, type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { TestTelemetry } from "../support/ingest-doubles.ts";
import { type KinesisLocal, startKinesisLocal } from "../support/kinesis-local.ts";
import { createKinesisReader, type ReadRecord } from "../support/kinesis-reader.ts";
import { commitEvent, digestOf, packOf, rejectedEvent } from "../support/large-events.ts";
import { eventsOf, makePack } from "../support/packs.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";

const BUCKET = "large-packs-test";
const ALWAYS: WriteGuard = { holds: () => true, held: () => Promise.resolve() };

let server: KinesisLocal;
let proxy: FaultyProxy;
let s3: S3Server;
const s3Client = () => createS3Client({ region: null, endpoint: s3.endpoint });

beforeAll(async () => {
  server = await startKinesisLocal();
  proxy = await startFaultyProxy(server.endpoint);
  s3 = await startS3Server({ mayList: true });
});

afterAll(async () => {
  await s3[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

let streamName: string;
let telemetry: TestTelemetry;
let troubles: (string | null)[];
const open: KinesisWriter[] = [];

beforeEach(async () => {
  streamName = await server.createStream();
  telemetry = new TestTelemetry();
  troubles = [];
  proxy.decide = () => ({ kind: "none" });
  proxy.calls.length = 0;
});

afterEach(() => {
  for (const writer of open.splice(0)) writer[Symbol.dispose]();
});

function createWriter(guard: WriteGuard = ALWAYS): KinesisWriter {
  const writer = createKinesisWriter({
    client: createKinesisClient({ region: null, endpoint: proxy.endpoint }),
    streamName,
    largePacks: createLargePackStore({ client: s3Client(), bucket: BUCKET }),
    guard,
    telemetry,
    random: () => 0.2,
    onTrouble: (trouble) => troubles.push(trouble),
  });
  open.push(writer);
  return writer;
}

function read(): Promise<ReadRecord[]> {
  return createKinesisReader({
    client: server.client,
    streamName,
    large: { client: s3Client(), bucket: BUCKET },
  }).all();
}

/** `count` packs of each of four lanes, one in flight a lane, from number `from` on. */
async function send(writer: KinesisWriter, count: number, from = 1): Promise<void> {
  const sendLane = async (lane: number) => {
    for (let number = from; number < from + count; number++) await writer.append(makePack({ lane, number, events: 3 }));
  };
  await Promise.all([0, 1, 2, 3].map(sendLane));
}

/** Numbers by lane as read; a repeat right behind is left out, as readers may get one. */
function numbersByLane(records: readonly ReadRecord[]): number[][] {
  return [0, 1, 2, 3].map((lane) => {
    const numbers = records.filter(({ pack }) => pack.header.lane === lane).map(({ pack }) => pack.header.number);
    return numbers.filter((number, index) => number !== numbers[index - 1]);
  });
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const everyLane = (count: number): number[][] => [0, 1, 2, 3].map(() => upTo(count));

/** The fault for the calls whose turn it is, by their number from 0. */
function onCalls(fault: Fault, isDue: (call: number) => boolean): void {
  let calls = 0;
  proxy.decide = ({ action }) => (action === "PutRecords" && isDue(calls++) ? fault : { kind: "none" });
}

describe("the Kinesis writer", () => {
  test("gathers packs of several lanes into one call, and puts each lane where its key says", async () => {
    const writer = createWriter();
    await Promise.all([0, 1, 2, 3].map((lane) => writer.append(makePack({ lane, number: 1 }))));
    expect(proxy.calls.filter(({ action }) => action === "PutRecords").length).toBe(1);
    const records = await read();
    expect(records.map(({ partitionKey, pack }) => [partitionKey, pack.header.lane])).toEqual(
      expect.arrayContaining([0, 1, 2, 3].map((lane) => [String(lane), lane])),
    );
    const shards = new Set(records.filter(({ pack }) => pack.header.lane < 2).map(({ shardId }) => shardId));
    expect(shards.size).toBe(1);
    expect(telemetry.counts.get("put_records_total")).toBe(4);
  });

  test("sends exactly the failed entries again, and nothing of a lane overtakes them", async () => {
    onCalls(
      { kind: "partial", code: "ProvisionedThroughputExceededException", fails: (index) => index % 2 === 0 },
      (call) => call % 2 === 0,
    );
    const writer = createWriter();
    await send(writer, 12);
    const records = await read();
    expect(records.length).toBe(48);
    expect(numbersByLane(records)).toEqual(everyLane(12));
    expect(telemetry.counts.get("put_retries_total ProvisionedThroughputExceededException")).toBeGreaterThan(5);
    expect(telemetry.messages.filter((line) => line.startsWith("the stream does not take")).length).toBe(1);
    expect(telemetry.gauges.get("retrying_lanes")).toBe(0);
  });

  test("puts a gap into the stream in turn, again until it is there, and counts packs as before", async () => {
    onCalls({ kind: "error", status: 500, type: "InternalFailure" }, (call) => call < 2);
    const writer = createWriter();
    const gap = { reason: "relay-switch", relay: "relay.test", epoch: 1, detail: "made for a test" } as const;
    const known = { afterSeq: 7, beforeSeq: null, fromTimeMs: 1_000, toTimeMs: null };
    await writer.recordGap({ ...gap, ...known }, { lanes: 4 });
    await Promise.all([send(writer, 3), writer.recordGap({ ...gap, ...known }, { lanes: 4 })]);
    const reader = createKinesisReader({ client: server.client, streamName });
    expect(numbersByLane(await reader.all())).toEqual(everyLane(3));
    expect(reader.gaps).toEqual([gap, gap].map((one) => ({ ...one, ...known })));
    expect(telemetry.counts.get("put_retries_total InternalFailure")).toBe(2);
    writer.close();
    await expect(writer.recordGap({ ...gap, ...known }, { lanes: 4 })).rejects.toThrow("the stream is closed");
  });

  test.each<[string, Fault, string]>([
    [
      "throttled as a whole",
      { kind: "error", status: 400, type: "ProvisionedThroughputExceededException" },
      "ProvisionedThroughputExceededException",
    ],
    ["answered with 500", { kind: "error", status: 500, type: "InternalFailure" }, "InternalFailure"],
  ])("sends a call again that is %s", async (_, fault, reason) => {
    onCalls(fault, (call) => call % 3 !== 2);
    await send(createWriter(), 5);
    const records = await read();
    expect(records.length).toBe(20);
    expect(numbersByLane(records)).toEqual(everyLane(5));
    expect(telemetry.counts.get(`put_retries_total ${reason}`)).toBeGreaterThan(0);
  });

  test.each<[string, Fault]>([
    ["answered with 500 after it took place", { kind: "error-after", status: 500, type: "InternalFailure" }],
    ["cut after it took place", { kind: "cut" }],
  ])("sends the same packs again when a call is %s", async (_, fault) => {
    onCalls(fault, (call) => call % 2 === 0);
    await send(createWriter(), 5);
    const records = await read();
    expect(records.length).toBeGreaterThan(20);
    expect(numbersByLane(records)).toEqual(everyLane(5));
  });

  test("gives an answer up that does not come, and sends again", async () => {
    onCalls({ kind: "slow", ms: 4_000 }, (call) => call === 0);
    await send(createWriter(), 2);
    expect(numbersByLane(await read())).toEqual(everyLane(2));
    expect([...telemetry.counts.keys()].filter((key) => key.startsWith("put_retries_total"))).toEqual([
      "put_retries_total ETIMEDOUT",
    ]);
  }, 15_000);

  test("lets other lanes go on while one is refused", async () => {
    let isRefusing = true;
    proxy.decide = ({ body }) => {
      const records = body["Records"] as { PartitionKey: string }[];
      const fails = (index: number) => isRefusing && records[index]?.PartitionKey === "1";
      return { kind: "partial", code: "InternalFailure", fails };
    };
    const writer = createWriter();
    const refused = writer.append(makePack({ lane: 1, number: 1 }));
    for (const number of upTo(8)) await writer.append(makePack({ lane: 2, number }));
    await expect.poll(() => troubles.at(-1)).toMatch(/^InternalFailure: /);
    isRefusing = false;
    await refused;
    expect(troubles.at(-1)).toBeNull();
    expect(numbersByLane(await read())[2]).toEqual(upTo(8));
  });

  test("keeps the order of each lane over a split and a merge of shards", async () => {
    const writer = createWriter();
    await send(writer, 4);
    const before = await read();
    const [shard] = [...new Set(before.map(({ shardId }) => shardId))].toSorted();
    const middle = 2n ** 125n;
    await server.client.send(
      new SplitShardCommand({ StreamName: streamName, ShardToSplit: shard, NewStartingHashKey: String(2n * middle) }),
    );
    // Packs go on while the shards change.
    await send(writer, 4, 5);
    await server.untilActive(streamName);
    const split = (await read()).map(({ shardId }) => shardId);
    expect(new Set(split).size).toBeGreaterThan(2);
    const children = [...new Set(split)].toSorted().slice(-2);
    await server.client.send(
      new MergeShardsCommand({ StreamName: streamName, ShardToMerge: children[0], AdjacentShardToMerge: children[1] }),
    );
    await send(writer, 4, 9);
    await server.untilActive(streamName);
    await send(writer, 4, 13);
    const after = await read();
    expect(numbersByLane(after)).toEqual(everyLane(16));
    expect(new Set(after.map(({ shardId }) => shardId)).size).toBeGreaterThan(4);
  });

  test("cuts a pack that no record can hold, and numbers what follows without a gap", async () => {
    const writer = createWriter();
    const events = [1, 2, 3].map((seq) => rejectedEvent(seq, 600_000));
    await writer.append(packOf(events, { lane: 1, number: 1 }));
    await writer.append(packOf([rejectedEvent(4, 10)], { lane: 1, number: 2 }));
    const records = await read();
    expect(digestOf(records.flatMap(({ pack }) => eventsOf(pack)))).toBe(digestOf([...events, rejectedEvent(4, 10)]));
    expect(numbersByLane(records)[1]).toEqual(upTo(records.length));
    expect(records.length).toBeGreaterThan(2);
    expect(s3.objects.size).toBe(0);
  });

  test("keeps an event that no record can hold in the bucket, in its place in the lane", async () => {
    s3.failNext(2);
    const writer = createWriter();
    const events = [commitEvent(1, 1_900_000), rejectedEvent(2, 5_000_000), rejectedEvent(3, 10)];
    await writer.append(packOf(events, { lane: 3, number: 1 }));
    await writer.append(makePack({ lane: 3, number: 2 }));
    const records = await read();
    expect(digestOf(records.slice(0, 3).flatMap(({ pack }) => eventsOf(pack)))).toBe(digestOf(events));
    expect(numbersByLane(records)[3]).toEqual([1, 2, 3, 4]);
    expect(s3.objects.size).toBe(2);
    expect(telemetry.counts.get("large_packs_total")).toBe(2);
    const reference = records
      .map(({ data }) => readRecord(data))
      .find((record) => record.ok && record.kind === "reference");
    if (!reference?.ok || reference.kind !== "reference") throw new Error("no reference");
    const place = { client: s3Client(), bucket: BUCKET };
    const [path = ""] = s3.objects.keys();
    const object = s3.objects.get(path) ?? new Uint8Array();
    s3.objects.set(path, object.subarray(1));
    expect(await fetchLargePack(reference.reference, place)).toEqual({ ok: false, reason: "wrong-object" });
    s3.objects.delete(path);
    expect(await fetchLargePack(reference.reference, place)).toEqual({ ok: false, reason: "missing-object" });
  });

  test("sends nothing while its lease is too old, and goes on when it is renewed", async () => {
    let isHeld = false;
    const renewal = Promise.withResolvers<void>();
    const writer = createWriter({ holds: () => isHeld, held: () => renewal.promise });
    const sent = writer.append(makePack({ lane: 0, number: 1 }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(proxy.calls).toEqual([]);
    isHeld = true;
    renewal.resolve();
    await sent;
    expect(proxy.calls.length).toBe(1);
  });

  test("checks the lease before every attempt, and refuses the lane once another has taken over", async () => {
    let holds = true;
    const lost = new Error("taken over");
    proxy.decide = () => {
      holds = false;
      return { kind: "error", status: 500, type: "InternalFailure" };
    };
    const writer = createWriter({ holds: () => holds, held: () => Promise.reject(lost) });
    await expect(writer.append(makePack({ lane: 0, number: 1 }))).rejects.toBe(lost);
    expect(proxy.calls.length).toBe(1);
    await expect(writer.append(makePack({ lane: 0, number: 2 }))).rejects.toBe(lost);
    expect(proxy.calls.length).toBe(1);
  });

  test("rejects what is not durable when it is disposed of", async () => {
    proxy.decide = () => ({ kind: "error", status: 500, type: "InternalFailure" });
    const writer = createWriter();
    const sent: Promise<unknown> = writer.append(makePack({ lane: 0, number: 1 })).catch((error: unknown) => error);
    await expect.poll(() => proxy.calls.length).toBeGreaterThan(1);
    writer[Symbol.dispose]();
    expect(String(await sent)).toMatch(/the stream is closed/);
  });
});

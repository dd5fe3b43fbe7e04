/** `standpipe redrive`: from the failure bucket onto the stream, and from there into real Postgres. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { encodeGap } from "../../lib/core/gap-record.ts";
import { encodePack, type Pack } from "../../lib/core/pack.ts";
import { createS3Client } from "../../lib/stream/kinesis/client.ts";
import { laneKeys } from "../../lib/stream/kinesis/lane-keys.ts";
import { createLargePackStore } from "../../lib/stream/kinesis/large-packs.ts";
import { encodePackReference } from "../../lib/stream/kinesis/pack-reference.ts";
import { Account, likeOf, POST, packOf } from "../support/account.ts";
import { type FailedBatchPlan, failedBatch } from "../support/failed-batches.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import type { RecordSource } from "../support/kinesis-events.ts";
import { AWS_ENVIRONMENT, type KinesisLocal, startKinesisLocal } from "../support/kinesis-local.ts";
import { createKinesisReader } from "../support/kinesis-reader.ts";
import { commitEvent, packOf as largePackOf } from "../support/large-events.ts";
import { makePack } from "../support/packs.ts";
import { type EndedCommand, runCommand } from "../support/run-command.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";
import { createTestConsumer, type TestConsumer } from "../support/test-consumer.ts";
import { visibleState } from "../support/visible-state.ts";

const BUCKET = "failed-batches-test";
const FROM = `s3://${BUCKET}`;
const LARGE = "large-packs-test";
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let kinesis: KinesisLocal;
let proxy: FaultyProxy;
let s3: S3Server;
let streamName: string;

beforeAll(async () => {
  kinesis = await startKinesisLocal();
  proxy = await startFaultyProxy(kinesis.endpoint);
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await kinesis[Symbol.asyncDispose]();
});

beforeEach(async () => {
  s3 = await startS3Server({ mayList: true });
  streamName = await kinesis.createStream();
  proxy.decide = () => ({ kind: "none" });
  proxy.calls.length = 0;
  return () => s3[Symbol.asyncDispose]();
});

function redrive(args: readonly string[] = ["--from", FROM], environment = {}): Promise<EndedCommand> {
  return runCommand(["redrive", ...args], {
    ...AWS_ENVIRONMENT,
    KINESIS_STREAM_NAME: streamName,
    AWS_ENDPOINT_URL_KINESIS: proxy.endpoint,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    LANES: "4",
    ...environment,
  });
}

/** Into the bucket, under `folder`; returns the key. */
function fail(sources: readonly RecordSource[], { folder = "", ...plan }: FailedBatchPlan & { folder?: string } = {}) {
  const { key, text } = failedBatch(sources, plan);
  s3.objects.set(`/${BUCKET}/${folder}${key}`, new TextEncoder().encode(text));
  return `${folder}${key}`;
}

const inBucket = (): readonly string[] =>
  [...s3.objects.keys()].filter((path) => path.startsWith(`/${BUCKET}/`)).map((path) => path.slice(BUCKET.length + 2));

function inStream() {
  const large = { client: createS3Client({ region: null, endpoint: s3.endpoint }), bucket: LARGE };
  return createKinesisReader({ client: kinesis.client, streamName, large }).all();
}

const places = async (): Promise<readonly string[]> =>
  (await inStream()).map(({ pack: { header } }) => `${header.lane}/${header.number}`);

describe("standpipe redrive", () => {
  test("puts failed packs on the stream as they were, in their lanes, and takes them out of the bucket", async () => {
    const packs = [makePack({ lane: 0, number: 7, events: 3 }), makePack({ lane: 3, number: 2 })];
    fail(packs);
    const { code, out, err } = await redrive();
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("1 of 1 batches put on the stream again (2 packs, 4 events), 0 stay");
    const records = await inStream();
    expect(records.map(({ data }) => Uint8Array.from(data))).toEqual(packs.map((pack) => encodePack(pack)));
    const call = proxy.calls.find(({ action }) => action === "PutRecords");
    expect(call?.body["Records"]).toMatchObject(
      [0, 3].map((lane) => {
        const { partitionKey, explicitHashKey } = laneKeys({ lane, lanes: 4 });
        return { PartitionKey: partitionKey, ExplicitHashKey: explicitHashKey };
      }),
    );
    expect(inBucket()).toEqual([]);
  });

  test("does nothing when it is run again", async () => {
    fail([makePack({ lane: 0, number: 1 })]);
    await redrive();
    expect(await redrive()).toEqual({ code: 0, out: `no batches in ${FROM}/`, err: "" });
    expect(await places()).toEqual(["0/1"]);
  });

  test("goes from the oldest to the newest, over all pages of the list, and stops at the limit", async () => {
    const now = Date.now();
    for (const number of [5, 2, 4, 1, 3]) {
      fail([makePack({ lane: 1, number })], { failedAtMs: now - (10 - number) * HOUR_MS, shard: number });
    }
    const { out } = await redrive(["--from", FROM, "--limit", "4"]);
    expect(out).toContain("4 of 5 batches put on the stream again");
    expect(await places()).toEqual(["1/1", "1/2", "1/3", "1/4"]);
    expect((await redrive()).out).toContain("1 of 1 batches");
    expect(await places()).toEqual(["1/1", "1/2", "1/3", "1/4", "1/5"]);
  });

  test("takes only what is under the prefix", async () => {
    const other = fail([makePack({ lane: 0, number: 1 })], { folder: "other/" });
    fail([makePack({ lane: 0, number: 2 })], { folder: "mine/" });
    expect((await redrive(["--from", `${FROM}/mine/`])).code).toBe(0);
    expect(await places()).toEqual(["0/2"]);
    expect(inBucket()).toEqual([other]);
  });

  test("takes the bucket of the deployment where no place is named", async () => {
    fail([makePack({ lane: 0, number: 1 })]);
    expect((await redrive([], { FAILED_BATCHES_BUCKET: BUCKET })).code).toBe(0);
    expect(await places()).toEqual(["0/1"]);
  });

  test("only says what it would do with --dry-run", async () => {
    const young = fail([makePack({ lane: 0, number: 1, events: 2 })]);
    const old = fail([makePack({ lane: 0, number: 2 })], { arrivedAtMs: Date.now() - 5 * DAY_MS });
    const { code, out } = await redrive(["--from", FROM, "--dry-run"]);
    expect(code).toBe(1);
    expect(out).toContain(`${young}  would be put on the stream again: 1 pack, 2 events`);
    expect(out).toContain("1 of 2 batches would be put on the stream again (1 pack, 2 events), 1 stay");
    expect(inBucket().toSorted()).toEqual([old, young].toSorted());
    expect(proxy.calls).toEqual([]);
  });

  test("leaves what is older than deletes are remembered, and says why; --force takes it all the same", async () => {
    const key = fail([makePack({ lane: 0, number: 1 })], { arrivedAtMs: Date.now() - 5.5 * DAY_MS });
    fail([makePack({ lane: 0, number: 2 })], { arrivedAtMs: Date.now() - 3.9 * DAY_MS });
    const { code, out } = await redrive();
    expect(code).toBe(1);
    expect(out).toContain(`${key}  stays: it is 5 days old, and deletes are remembered for 4 (TOMBSTONE_DAYS)`);
    expect([inBucket(), await places()]).toEqual([[key], ["0/2"]]);
    expect((await redrive(["--from", FROM, "--force"])).code).toBe(0);
    expect(inBucket()).toEqual([]);
  });

  test("names what it cannot read, leaves it where it is, and goes on with the others", async () => {
    s3.objects.set(`/${BUCKET}/notes.txt`, new TextEncoder().encode("to do"));
    const forbidden = fail([makePack({ lane: 0, number: 1 })]);
    s3.deny("GET", `/${BUCKET}/${forbidden}`);
    const others = fail([makePack({ lane: 0, number: 2 }), makePack({ lane: 0, number: 3, lanes: 8 })]);
    fail([makePack({ lane: 0, number: 4 })]);
    const { code, out } = await redrive();
    expect(code).toBe(1);
    expect(out).toContain("notes.txt  stays: it is no JSON object");
    expect(out).toContain(`${forbidden}  stays: it could not be read: AccessDenied`);
    expect(out).toContain(`${others}  stays: a pack in it was written with LANES=8`);
    expect(await places()).toEqual(["0/4"]);
    expect(inBucket().toSorted()).toEqual([forbidden, others, "notes.txt"].toSorted());
  });

  test("says so where a batch is on the stream and cannot be taken away", async () => {
    const key = fail([makePack({ lane: 0, number: 1 })]);
    s3.deny("DELETE", `/${BUCKET}/${key}`);
    const { code, out } = await redrive();
    expect([code, await places()]).toEqual([1, ["0/1"]]);
    expect(out).toContain("its packs are on the stream again, but it could not be taken away: AccessDenied");
  });

  test("sends again what the stream throttles, and keeps the order of each lane", async () => {
    let calls = 0;
    proxy.decide = ({ action }) => {
      if (action !== "PutRecords") return { kind: "none" };
      calls += 1;
      if (calls === 2) return { kind: "error", status: 500, type: "InternalFailure" };
      return calls % 3 === 0 ? { kind: "none" } : { kind: "partial", code: "Throttled", fails: (index) => index === 0 };
    };
    const plans = [1, 2, 3, 4].flatMap((number) => [makePack({ lane: 0, number }), makePack({ lane: 1, number })]);
    fail(plans);
    expect((await redrive()).code).toBe(0);
    const found = await places();
    for (const lane of [0, 1]) {
      const ofLane = found.filter((place) => place.startsWith(`${lane}/`));
      expect([...new Set(ofLane)]).toEqual([1, 2, 3, 4].map((number) => `${lane}/${number}`));
    }
  });

  test("puts a record on the stream that nobody can read: the consumer keeps it, not the bucket", async () => {
    fail([new TextEncoder().encode("no pack")]);
    expect((await redrive()).out).toContain("(1 pack, 0 events)");
    await expect(inStream()).rejects.toThrow("a record cannot be read: bad-magic");
  });

  test("puts a gap that the ingester has found on the stream again", async () => {
    const gap = { reason: "outdated-cursor", relay: "relay.test", epoch: 1, afterSeq: 10, beforeSeq: 50 } as const;
    const bytes = encodeGap({ ...gap, fromTimeMs: null, toTimeMs: null, detail: "made for a test" });
    fail([bytes, makePack({ lane: 0, number: 1 })]);
    expect((await redrive()).out).toContain("(2 packs, 1 event), 0 stay");
    const reader = createKinesisReader({ client: kinesis.client, streamName });
    expect((await reader.all()).map(({ pack }) => pack.header.number)).toEqual([1]);
    expect(reader.gaps).toMatchObject([gap]);
  });

  test("puts the reference to a large pack on the stream as it was", async () => {
    const pack = largePackOf([commitEvent(1, 1_500_000)], { lane: 2, number: 9 });
    const store = createLargePackStore({
      client: createS3Client({ region: null, endpoint: s3.endpoint }),
      bucket: LARGE,
    });
    const reference = encodePackReference(await store.put(pack.header, encodePack(pack)));
    fail([reference]);
    expect((await redrive()).code).toBe(0);
    const [record] = await inStream();
    expect(Uint8Array.from(record?.data ?? [])).toEqual(reference);
    expect(record?.pack.header).toEqual(pack.header);
  });

  test("takes copies out of a folder, and renames them", async () => {
    const folder = await mkdtemp(join(tmpdir(), "standpipe-redrive-"));
    try {
      await writeFile(join(folder, "copy.json"), failedBatch([makePack({ lane: 0, number: 1 })]).text);
      expect((await redrive(["--from", folder])).code).toBe(0);
      expect((await redrive(["--from", folder])).out).toBe(`no batches in ${folder}`);
      expect([await places(), await readdir(folder)]).toEqual([["0/1"], ["copy.json.redriven"]]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test.each([
    [[], {}, "say where the batches are"],
    [["--from", "https://bucket.test"], {}, "must be s3://BUCKET, s3://BUCKET/PREFIX or a folder"],
    [["--from", "/not/there"], {}, "--from /not/there: there is no such folder"],
    [["--from", FROM], { KINESIS_STREAM_NAME: "" }, "KINESIS_STREAM_NAME is not set"],
    [["--from", FROM], { KINESIS_STREAM_NAME: "missing" }, "there is no such stream"],
    [["--from", FROM, "--limit", "0"], {}, "Must be a whole number from 1"],
  ])("refuses %j with %j", async (args, environment, reason) => {
    const { code, err } = await redrive(args, environment);
    expect([code, err]).toEqual([2, expect.stringContaining(reason)]);
  });
});

describe("from the failure bucket to rows", () => {
  const liked = (number: number) => likeOf(`3l3qo2vuu2${String.fromCharCode(97 + (number % 20))}2b`);
  const post = (text: string) => ({ $type: POST, text, createdAt: "2026-11-21T01:45:05.352Z" });
  const key = (number: number): string =>
    `3l3qo2vut${number
      .toString(4)
      .padStart(4, "0")
      .replaceAll(/\d/g, (digit) => "abcd".charAt(Number(digit)))}`;

  /** One account: a pack that fails, and a hundred that come after it and delete, update and repeat what it did. */
  function history(): { readonly failed: Pack; readonly later: readonly Pack[]; readonly before: Pack } {
    const account = new Account("redriven");
    const before = packOf(account.commit({ action: "create", rkey: key(0), record: liked(0) }));
    const failed = packOf(
      account.commit({ action: "create", collection: POST, rkey: key(1), record: post("first") }),
      account.commit({ action: "create", rkey: key(2), record: liked(2) }),
      account.commit({ action: "create", rkey: key(3), record: liked(3) }),
      account.commit({ action: "delete", rkey: key(0) }),
    );
    const later = [
      packOf(account.commit({ action: "update", collection: POST, rkey: key(1), record: post("second") })),
      packOf(account.commit({ action: "delete", rkey: key(2) })),
    ];
    for (let number = 4; later.length < 100; number += 1) {
      later.push(packOf(account.commit({ action: "create", rkey: key(number), record: liked(number) })));
    }
    return { before, failed, later };
  }

  async function applied(consumer: TestConsumer, ...packs: readonly Pack[]): Promise<unknown> {
    for (const pack of packs) await consumer.consume(pack);
    return visibleState(consumer.store.pool);
  }

  test("a pack that is redriven after a hundred later ones of its lane ends as if it had come in order", async () => {
    const { before, failed, later } = history();
    await using ordered = await createTestConsumer();
    const expected = await applied(ordered, before, failed, ...later);

    await using consumer = await createTestConsumer();
    const without = await applied(consumer, before, ...later);
    expect(without).not.toEqual(expected);
    fail([failed]);
    expect((await redrive(["--from", FROM], { LANES: "8" })).code).toBe(0);
    const packs = (await inStream()).map(({ pack }) => pack);
    expect(packs.map(({ header }) => header)).toEqual([failed.header]);
    expect(await applied(consumer, ...packs)).toEqual(expected);
    // And again: whoever puts a batch there twice changes nothing.
    expect(await applied(consumer, ...packs)).toEqual(expected);
    const { rows } = await consumer.store.pool.query(
      "SELECT (SELECT text FROM posts) AS text, (SELECT count(*) FROM likes WHERE rkey IN ($1, $2)) AS gone",
      [key(0), key(2)],
    );
    expect(rows).toEqual([{ text: "second", gone: "0" }]);
    expect(await placeOf(consumer)).toEqual(await placeOf(ordered));
  });

  async function placeOf({ store }: TestConsumer): Promise<unknown> {
    return (await store.pool.query("SELECT lane, fence, number FROM standpipe.lane ORDER BY lane")).rows;
  }
});

/** A gap that the ingester finds, through the stream and the function, into the view `gaps`. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createHandler } from "../../functions/index-events/create-handler.ts";
import { createDynamoCheckpoint } from "../../lib/checkpoint/dynamodb/checkpoint.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import type { Gap } from "../../lib/core/cursor.ts";
import { encodeGap } from "../../lib/core/gap-record.ts";
import { encodePack } from "../../lib/core/pack.ts";
import { type AwsScene, type AwsServers, createScene, startAwsServers, startIngester } from "../support/aws-scene.ts";
import { infoFrame, timeOfSeq } from "../support/event-frames.ts";
import { TestTelemetry } from "../support/ingest-doubles.ts";
import { invocation, kinesisEvent, type RecordSource } from "../support/kinesis-events.ts";
import { makePack } from "../support/packs.ts";
import { LANES } from "../support/recorded-packs.ts";
import { startScriptedRelay } from "../support/scripted-relay.ts";
import { createTestConsumer } from "../support/test-consumer.ts";

let servers: AwsServers;
beforeAll(async () => {
  servers = await startAwsServers();
});
afterAll(() => servers[Symbol.asyncDispose]());

/** What an ingester that ended well has left. */
async function saveCursor(scene: AwsScene, relay: string, seq: number): Promise<void> {
  await using checkpoint = createDynamoCheckpoint({
    client: servers.dynamo.client,
    tableName: scene.tableName,
    name: scene.streamName,
    owner: "before",
    standby: false,
    signal: new AbortController().signal,
    telemetry: new TestTelemetry(),
    onStandby: () => undefined,
    onTrouble: () => undefined,
  });
  const { fence } = await checkpoint.acquire({ lanes: LANES });
  await checkpoint.save({ relay, epoch: 1, seq, timeMs: timeOfSeq(seq) }, { fence });
}

/** The function on a database of its own: records in, the view's rows out. */
async function ledgerAfter(...batches: readonly (readonly RecordSource[])[]): Promise<readonly unknown[]> {
  await using consumer = await createTestConsumer();
  const settings = readSettings("index-events", { DATABASE_URL: consumer.connectionString, LOG_LEVEL: "silent" });
  const writes = { writeMetrics: () => undefined, writeLog: () => undefined };
  await using indexEvents = createHandler({ settings, nowMs: Date.now, ...writes });
  for (const batch of batches) {
    expect(await indexEvents.handle(kinesisEvent(batch), invocation())).toEqual({ batchItemFailures: [] });
  }
  const { rows } = await consumer.store.pool.query<Record<string, unknown>>(
    "SELECT reason, relay, epoch, after_seq, before_seq, from_time, to_time, detail FROM gaps ORDER BY detail",
  );
  return rows;
}

test("what the relay no longer has is a row of the ledger, once, however often it comes", async () => {
  const scene = await createScene(servers);
  await using relay = await startScriptedRelay({
    onConnection: ({ socket, sendEvents }) => {
      socket.send(infoFrame("OutdatedCursor"));
      sendEvents(500, 501);
    },
  });
  await saveCursor(scene, relay.host, 100);
  await using ingester = startIngester({ ...scene.env, RELAY_URL: relay.url }, "--exit-when-idle", "2");
  expect(await ingester.exit).toEqual({ code: 0, signal: null });
  const reader = scene.reader();
  const packs = (await reader.all()).map(({ pack }) => pack);
  expect(packs.reduce((sum, { header }) => sum + header.count, 0)).toBe(2);
  expect(reader.gaps).toHaveLength(1);
  const gap = encodeGap(reader.gaps[0] as Gap);
  expect(await ledgerAfter([gap, ...packs.map((pack) => encodePack(pack))], [gap])).toEqual([
    {
      reason: "outdated-cursor",
      relay: relay.host,
      epoch: 1,
      after_seq: "100",
      before_seq: "500",
      from_time: new Date(timeOfSeq(100)),
      to_time: new Date(timeOfSeq(500)),
      detail: expect.stringContaining("no longer keeps what followed seq 100") as string,
    },
  ]);
}, 60_000);

test("a damaged record of a gap is a dead letter, and its neighbours are worked", async () => {
  const gap = { reason: "new-epoch", relay: "relay.test", epoch: 2, detail: "b", ...NOTHING_KNOWN } as const;
  const damaged = encodeGap(gap).fill(0xff, 12, 14);
  const packs = [makePack({ lane: 0, number: 1, lanes: LANES })];
  const rows = await ledgerAfter([damaged, ...packs, encodeGap({ ...gap, detail: "a" })]);
  expect(rows).toMatchObject([{ reason: "new-epoch", epoch: 2, after_seq: null, from_time: null, detail: "a" }]);
});

const NOTHING_KNOWN = { afterSeq: null, beforeSeq: null, fromTimeMs: null, toTimeMs: null };

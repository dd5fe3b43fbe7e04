/** The event source mapping of the tests on a real Kinesis API: what is read, and a lane that moves on when its shard is split. */
import { PutRecordCommand, SplitShardCommand } from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { laneKeys } from "../../lib/stream/kinesis/lane-keys.ts";
import { createKinesisSource } from "../support/event-source-mapping/kinesis-source.ts";
import { startMapping } from "../support/event-source-mapping/mapping.ts";
import type { MappingEvent } from "../support/event-source-mapping/port.ts";
import { SETTINGS } from "../support/event-source-mapping/scripted.ts";
import { type KinesisLocal, startKinesisLocal } from "../support/kinesis-local.ts";

const LANES = 4;
const HALF_OF_ALL_KEYS = String(2n ** 127n);

let kinesis: KinesisLocal;
beforeAll(async () => {
  kinesis = await startKinesisLocal();
});
afterAll(() => kinesis[Symbol.asyncDispose]());

async function put(streamName: string, lane: number, text: string): Promise<void> {
  const { partitionKey, explicitHashKey } = laneKeys({ lane, lanes: LANES });
  const place = { StreamName: streamName, PartitionKey: partitionKey, ExplicitHashKey: explicitHashKey };
  await kinesis.client.send(new PutRecordCommand({ ...place, Data: Buffer.from(text) }));
}

it("brings every record of a stream once, in order within a key, also over a split of its shard", async () => {
  const streamName = await kinesis.createStream({ shards: 1 });
  const held = Promise.withResolvers<void>();
  const events: MappingEvent[] = [];
  const fn = {
    async invoke(event: MappingEvent) {
      await held.promise;
      events.push(event);
      return { kind: "answered", requestId: "request", payload: null } as const;
    },
  };
  const source = createKinesisSource({ client: kinesis.client, streamName });
  const settings = { ...SETTINGS, parallelizationFactor: 2, batchSize: 2 };
  await using mapping = startMapping({
    source,
    settings,
    fn,
    destination: null,
    pacing: { listEveryMs: 50, pollEveryMs: 50 },
  });
  for (let round = 1; round <= 3; round += 1)
    for (let lane = 0; lane < LANES; lane += 1) await put(streamName, lane, `${lane}.${round}`);
  const [shard] = await source.list();
  await kinesis.client.send(
    new SplitShardCommand({
      StreamName: streamName,
      ShardToSplit: shard?.shardId,
      NewStartingHashKey: HALF_OF_ALL_KEYS,
    }),
  );
  await kinesis.untilActive(streamName);
  for (let round = 4; round <= 6; round += 1)
    for (let lane = 0; lane < LANES; lane += 1) await put(streamName, lane, `${lane}.${round}`);
  await vi.waitFor(async () => expect(await source.list()).toHaveLength(3), { timeout: 30_000 });
  held.resolve();
  await vi.waitFor(() => expect(mapping.done).toBe(24), { timeout: 30_000 });
  await mapping.caughtUp();
  const texts = events.flatMap(({ Records }) =>
    Records.map((record) => Buffer.from(record.kinesis.data, "base64").toString()),
  );
  for (let lane = 0; lane < LANES; lane += 1) {
    expect(texts.filter((text) => text.startsWith(`${lane}.`))).toEqual(
      [1, 2, 3, 4, 5, 6].map((round) => `${lane}.${round}`),
    );
  }
  expect(new Set(events.map(({ Records }) => Records[0]?.eventID.split(":")[0])).size).toBe(3);
  const [first] = events[0]?.Records ?? [];
  expect(first?.kinesis).toMatchObject({
    kinesisSchemaVersion: "1.0",
    sequenceNumber: expect.stringMatching(/^\d{50,}$/) as string,
  });
  expect(Math.abs((first?.kinesis.approximateArrivalTimestamp ?? 0) * 1000 - Date.now())).toBeLessThan(60_000);
});

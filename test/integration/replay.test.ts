/** The stream from a time on, given to the function once more, as a second mapping with AT_TIMESTAMP does it. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createHandler, type IndexEvents } from "../../functions/index-events/create-handler.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import { encodePack, type Pack } from "../../lib/core/pack.ts";
import { createKinesisClient } from "../../lib/stream/kinesis/client.ts";
import { createKinesisWriter } from "../../lib/stream/kinesis/writer.ts";
import { CountingTelemetry } from "../support/counting-telemetry.ts";
import { invocation, kinesisEvent } from "../support/kinesis-events.ts";
import { type KinesisLocal, startKinesisLocal } from "../support/kinesis-local.ts";
import { createKinesisReader } from "../support/kinesis-reader.ts";
import { inBatches, packsOf, recordedEvents } from "../support/recorded-packs.ts";
import { createTestConsumer, type TestConsumer } from "../support/test-consumer.ts";
import { visibleState } from "../support/visible-state.ts";

const PACK_EVENTS = 40;
const BATCH_PACKS = 25;

let server: KinesisLocal;
beforeAll(async () => {
  server = await startKinesisLocal();
});
afterAll(() => server[Symbol.asyncDispose]());

async function write(streamName: string, packs: readonly Pack[]): Promise<void> {
  using writer = createKinesisWriter({
    client: createKinesisClient({ region: null, endpoint: server.endpoint }),
    streamName,
    largePacks: { put: () => Promise.reject(new Error("nothing is large here")) },
    guard: { holds: () => true, held: () => Promise.resolve() },
    telemetry: new CountingTelemetry(),
    random: Math.random,
    onTrouble: () => undefined,
  });
  await Promise.all(packs.map((pack) => writer.append(pack)));
}

/** The function on a consumer's database. */
function startFunction({ connectionString }: TestConsumer): IndexEvents {
  const settings = readSettings("index-events", { DATABASE_URL: connectionString, LOG_LEVEL: "silent" });
  return createHandler({ settings, nowMs: Date.now, writeMetrics: () => undefined, writeLog: () => undefined });
}

async function give(indexEvents: IndexEvents, records: readonly Uint8Array[]): Promise<void> {
  for (let at = 0; at < records.length; at += BATCH_PACKS) {
    const event = kinesisEvent(records.slice(at, at + BATCH_PACKS));
    expect(await indexEvents.handle(event, invocation())).toEqual({ batchItemFailures: [] });
  }
}

async function lanesOf({ store }: TestConsumer): Promise<unknown> {
  return (await store.pool.query("SELECT lane, fence, number, seq FROM standpipe.lane ORDER BY lane")).rows;
}

test("changes nothing where all was applied, and brings what a restored database has not", async () => {
  const streamName = await server.createStream();
  const packs = packsOf(recordedEvents(), { size: () => PACK_EVENTS });
  const half = packs.length >> 1;
  await write(streamName, packs.slice(0, half));
  const written = new Date();
  // The stream's times have whole milliseconds.
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(written.getTime() + 1));
  const from = new Date();
  await write(streamName, packs.slice(half));
  const replayed = (await createKinesisReader({ client: server.client, streamName, from }).all()).map(
    ({ data }) => data,
  );
  expect(replayed).toHaveLength(packs.length - half);

  await using complete = await createTestConsumer();
  await using all = startFunction(complete);
  await give(
    all,
    packs.map((pack) => encodePack(pack)),
  );
  const [expected, place] = [await visibleState(complete.store.pool), await lanesOf(complete)];
  await give(all, replayed);
  expect([await visibleState(complete.store.pool), await lanesOf(complete)]).toEqual([expected, place]);

  // Restored to an earlier state: it lacks the second half, and something that overlaps is given as well.
  await using restored = await createTestConsumer();
  for (const batch of inBatches(packs.slice(0, half), BATCH_PACKS)) await restored.consume(...batch);
  await using after = startFunction(restored);
  await give(after, replayed);
  expect([await visibleState(restored.store.pool), await lanesOf(restored)]).toEqual([expected, place]);
}, 60_000);

/** Relay → packs → memory stream → rows, put together in one process. */
import { createPostgresCheckpoint } from "../../lib/checkpoint/postgres/checkpoint.ts";
import type { Settings } from "../../lib/config/processes.ts";
import { compileCollectionFilter } from "../../lib/core/collection-filter.ts";
import type { Gap } from "../../lib/core/cursor.ts";
import { MAX_SEAL_BYTES } from "../../lib/core/pack.ts";
import { settingsWithWaits } from "../../lib/firehose/websocket/settings.ts";
import { createWebsocketSource } from "../../lib/firehose/websocket/source.ts";
import { createIngest, type Ingest } from "../../lib/ingest/ingest.ts";
import { recordGap } from "../../lib/store/gaps.ts";
import { createPostgresStore, type PostgresStore } from "../../lib/store/postgres-store.ts";
import { turnTombstones } from "../../lib/store/tombstones.ts";
import { createMemoryStream } from "../../lib/stream/memory/memory-stream.ts";
import { errorLine } from "../../lib/telemetry/log.ts";
import type { Log } from "../../lib/telemetry/port.ts";
import { isDatabaseAway } from "../database-trouble.ts";
import { savedCursors } from "../ingest/saved-cursors.ts";
import type { LongLivedProcess } from "./process.ts";
import { quietAtFirst } from "./quiet-log.ts";
import { retried } from "./retry.ts";
import { startConsumer } from "./start-consumer.ts";
import type { Vitals } from "./vitals.ts";

export interface PipelineOptions {
  readonly surroundings: LongLivedProcess;
  readonly settings: Settings<"start">;
  readonly connectionString: string;
  readonly relays: readonly string[];
  /** Give up where no relay has answered for so long and there is no cursor yet; null: never. */
  readonly relayLimitMs: number | null;
  /** Asks for a drain. */
  readonly stop: AbortSignal;
}

/** The parts of a running pipeline. Disposing stops them at once; what is not durable comes again. */
export interface Pipeline extends AsyncDisposable {
  readonly ingest: Ingest;
  readonly store: PostgresStore;
  /** Reads from the relay until the signal aborts; rejects where no retry mends it. */
  read(signal: AbortSignal): Promise<void>;
  /** That of the options on a first start, otherwise null. */
  readonly relayLimitMs: number | null;
  /** Rejects where a part has failed for good, and is pending otherwise. */
  readonly failed: Promise<never>;
  /** Everything accepted is durable and its cursor saved. Call it when nothing reads any more. */
  drain(signal: AbortSignal): Promise<void>;
}

/** Bodies offered to the workers at a time; the rest waits packed, within MAX_IN_FLIGHT_MB. */
const STREAM_BYTES = 16 * 1024 * 1024;
/** While packs are waiting a transaction takes two: an event then costs the database a fifth less. Four gained nothing more. */
const PACKS_A_TRANSACTION = 2;
/** How often the cursor is saved: what a crash costs to replay. */
const SAVE_EVERY_MS = 1_000;

/** Takes over the cursor. Rejects as the database does, and with LanesChangedError. */
export async function openPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { surroundings, settings, connectionString, relays } = options;
  const { telemetry, vitals, waitShare } = surroundings;
  await using resources = new AsyncDisposableStack();
  const store = resources.use(
    createPostgresStore({ connectionString, poolSize: settings.DB_POOL_SIZE, log: telemetry.log, waitShare }),
  );
  // Before the first delete: its day must have a place.
  await turnTombstones(store.pool, { keepDays: settings.TOMBSTONE_DAYS });
  const checkpoint = createPostgresCheckpoint(store.pool);
  const stream = resources.use(createMemoryStream({ maxBytes: STREAM_BYTES }));
  const ingest = resources.use(
    await createIngest({
      lanes: settings.LANES,
      writer: stream,
      checkpoint,
      recordGap: (gap) => recordWhenPossible(gap, options, store),
      keepsCollection: compileCollectionFilter(settings.COLLECTIONS),
      flush: { maxEvents: settings.BATCH_SIZE, maxBytes: MAX_SEAL_BYTES, maxAgeMs: 0 },
      maxInFlightBytes: settings.MAX_IN_FLIGHT_MB * 1e6,
      saveEveryMs: SAVE_EVERY_MS * waitShare,
      telemetry,
      nowMs: Date.now,
    }),
  );
  const relayLimitMs = (await checkpoint.lastDurableTimeMs()) === null ? options.relayLimitMs : null;
  const source = createWebsocketSource({
    relays,
    cursors: checkpoint,
    settings: settingsWithWaits(waitShare),
    // A newcomer without a network is told once, at the end of the limit.
    telemetry: relayLimitMs === null ? telemetry : { ...telemetry, log: quietLog(telemetry.log, relayLimitMs, vitals) },
  });
  vitals.savedCursors = await savedCursors(checkpoint, relays);
  const consumer = startConsumer({
    store,
    reader: stream,
    telemetry,
    // One connection stays free for the cursor and for status.
    workers: Math.max(1, Math.min(settings.LANES, settings.DB_POOL_SIZE - 1)),
    maxEvents: settings.BATCH_SIZE * PACKS_A_TRANSACTION,
    nowMs: Date.now,
    waitShare,
    random: Math.random,
    onTrouble: (trouble) => {
      vitals.writeTrouble = trouble;
    },
  });
  vitals.source = () => source.state();
  vitals.ingest = () => ingest.state();
  const owned = resources.move();
  return {
    ingest,
    store,
    relayLimitMs,
    read: (signal) => source.run(ingest, signal),
    failed: Promise.race([consumer.failed, ingest.failed.then((fault) => Promise.reject(fault))]),
    drain: (signal) => ingest.drain(signal),
    async [Symbol.asyncDispose]() {
      vitals.source = null;
      vitals.ingest = null;
      await consumer.stop();
      await owned.disposeAsync();
    },
  };
}

function quietLog(log: Log, forMs: number, vitals: Vitals): Log {
  const isConnected = (): boolean => vitals.source?.().connected ?? false;
  return quietAtFirst(log, { forMs, isConnected, nowMs: () => performance.now() });
}

/** A gap is told before reading goes on behind it: with the database away, reading waits. */
function recordWhenPossible(gap: Gap, { stop, surroundings }: PipelineOptions, store: PostgresStore): Promise<void> {
  return retried(() => recordGap(store.pool, gap), {
    signal: stop,
    waitShare: surroundings.waitShare,
    worthRetrying: isDatabaseAway,
    onRetry: (error) =>
      surroundings.telemetry.log.warn("a gap could not be recorded, trying again", { error: errorLine(error) }),
  });
}

/** A Redis stream and a database in, rows until something ends it: the whole of `standpipe work`, without what is around it. */
import { LanesChangedError } from "../../lib/checkpoint/port.ts";
import type { Settings } from "../../lib/config/processes.ts";
import type { RedisSettings } from "../../lib/config/redis-settings.ts";
import type { ConsumeOptions } from "../../lib/consume/consume.ts";
import { compileCollectionFilter } from "../../lib/core/collection-filter.ts";
import type { PoolLogin } from "../../lib/credentials/database-login.ts";
import { createPostgresStore, type PostgresStore } from "../../lib/store/postgres-store.ts";
import { otherLanes } from "../../lib/store/stored-lanes.ts";
import { turnTombstones } from "../../lib/store/tombstones.ts";
import { createMemoryStream } from "../../lib/stream/memory/memory-stream.ts";
import { MAX_WAITING_BYTES } from "../../lib/stream/redis/limits.ts";
import { errorLine } from "../../lib/telemetry/log.ts";
import { explainDatabaseError, isDatabaseAway } from "../database-trouble.ts";
import { checkMigrated, migrateDatabase, NotMigratedError } from "../migrate-database.ts";
import { StopRequested } from "../stop-signals.ts";
import { tellEnd } from "../unified/ends.ts";
import { keepHouse } from "../unified/keep-house.ts";
import type { LongLivedProcess } from "../unified/process.ts";
import { retried } from "../unified/retry.ts";
import { startConsumer } from "../unified/start-consumer.ts";
import { openLeasedReading } from "./leased-reading.ts";

export interface WorkOptions {
  readonly surroundings: LongLivedProcess;
  readonly settings: Settings<"work">;
  readonly redis: RedisSettings;
  readonly connectionString: string;
  /** Stands for user and password of the address, where they are tokens or a secret; then somebody else migrates. */
  readonly login?: PoolLogin | undefined;
  /** Asks for a drain. */
  readonly stop: AbortSignal;
  readonly exitWhenIdleMs: number | null;
}

/** Rejects with what no retry mends: replaced, a setting that is wrong, a fault of ours. */
export async function runWork(options: WorkOptions): Promise<void> {
  const { surroundings, settings, connectionString, login } = options;
  const { telemetry } = surroundings;
  try {
    await using store = createPostgresStore({
      connectionString,
      login,
      poolSize: settings.DB_POOL_SIZE,
      log: telemetry.log,
    });
    await prepareDatabase(store, options);
    using _house = keepHouse(store.pool, options);
    tellEnd(await work(store, options), options);
  } catch (error) {
    if (!(error instanceof StopRequested)) throw explainDatabaseError(error);
    tellEnd("stopped", options);
  }
}

/** Waits for the database as long as it takes. */
async function prepareDatabase(store: PostgresStore, options: WorkOptions): Promise<void> {
  const { surroundings, settings, connectionString, login, stop } = options;
  const { telemetry, vitals } = surroundings;
  await retried(
    async () => {
      if (login === undefined) await migrateDatabase({ connectionString, settings, log: telemetry.log });
      else await checkMigrated({ connectionString, login, settings });
      // Before the first delete: its day must have a place.
      await turnTombstones(store.pool, { keepDays: settings.TOMBSTONE_DAYS });
      // The places of entries are kept by lane.
      const stored = await otherLanes(store.pool, settings.LANES);
      if (stored !== null) throw new LanesChangedError({ stored, given: settings.LANES });
    },
    {
      signal: stop,
      worthRetrying: (error) => isDatabaseAway(error) || error instanceof NotMigratedError,
      onRetry(error, delayMs) {
        vitals.connectTrouble = errorLine(error);
        telemetry.log.warn("the database is away, trying again until it answers", {
          error: errorLine(error),
          retryInMs: delayMs,
        });
      },
    },
  );
  vitals.connectTrouble = null;
}

async function work(store: PostgresStore, options: WorkOptions): Promise<"stopped" | "idle"> {
  const { surroundings, settings } = options;
  const { telemetry, vitals } = surroundings;
  await using resources = new AsyncDisposableStack();
  const queue = createMemoryStream({ maxBytes: MAX_WAITING_BYTES });
  const consume: ConsumeOptions = {
    store,
    telemetry,
    nowMs: Date.now,
    keepsCollection: compileCollectionFilter(settings.COLLECTIONS),
    onLetters: (letters) => reading.noteDead(letters),
  };
  const reading = resources.use(openLeasedReading({ ...options, store, writer: queue, consume }));
  const consumer = startConsumer({
    ...consume,
    store,
    reader: queue,
    // One connection stays free for status and dead letters.
    workers: Math.max(1, Math.min(settings.LANES, settings.PARALLEL_CONSUMERS, settings.DB_POOL_SIZE - 1)),
    maxEvents: settings.BATCH_SIZE,
    random: Math.random,
    onTrouble: (trouble) => {
      vitals.writeTrouble = trouble;
    },
  });
  // Before the readers, which let go of the streams.
  resources.defer(() => consumer.stop());
  return await reading.run({
    failed: consumer.failed,
    onLate: () => telemetry.log.warn("not everything could be applied in time; it stays pending and comes again"),
  });
}

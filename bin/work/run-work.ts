/** A Redis stream and a database in, rows until something ends it: the whole of `standpipe work`, without what is around it. */
import { randomUUID } from "node:crypto";
import { LanesChangedError } from "../../lib/checkpoint/port.ts";
import type { Settings } from "../../lib/config/processes.ts";
import type { RedisSettings } from "../../lib/config/redis-settings.ts";
import type { ConsumeOptions } from "../../lib/consume/consume.ts";
import { compileCollectionFilter } from "../../lib/core/collection-filter.ts";
import type { Pack } from "../../lib/core/pack.ts";
import type { PoolLogin } from "../../lib/credentials/database-login.ts";
import { readNewestApplied } from "../../lib/store/applied-mark.ts";
import { createPool, createPostgresStore, type PostgresStore } from "../../lib/store/postgres-store.ts";
import { otherLanes } from "../../lib/store/stored-lanes.ts";
import { createStreamLeases } from "../../lib/store/stream-leases.ts";
import { turnTombstones } from "../../lib/store/tombstones.ts";
import { createMemoryStream } from "../../lib/stream/memory/memory-stream.ts";
import { MAX_WAITING_BYTES } from "../../lib/stream/redis/limits.ts";
import { errorLine } from "../../lib/telemetry/log.ts";
import { explainDatabaseError, isDatabaseAway } from "../database-trouble.ts";
import { checkMigrated, migrateDatabase, NotMigratedError } from "../migrate-database.ts";
import { StopRequested } from "../stop-signals.ts";
import { settledWithin, tellEnd, whenIdle, whenStopped } from "../unified/ends.ts";
import { keepHouse } from "../unified/keep-house.ts";
import type { LongLivedProcess } from "../unified/process.ts";
import { retried } from "../unified/retry.ts";
import { startConsumer } from "../unified/start-consumer.ts";
import { keepLeases, leaseWaits } from "./lease-keeper.ts";
import { createRedisReaders } from "./redis-readers.ts";
import { keepStreamHouse } from "./stream-house.ts";
import { WorkState } from "./work-state.ts";

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

/** A stop has to end within ten seconds; what is not applied by then stays pending, and comes again. */
const DRAIN_LIMIT_MS = 6_000;

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
  const { surroundings, settings, redis, connectionString, login, stop } = options;
  const { telemetry, vitals } = surroundings;
  await using resources = new AsyncDisposableStack();
  const owner = randomUUID();
  // Of its own, so that a busy pool does not let a worker look dead.
  const pool = createPool({ connectionString, login, poolSize: 1 });
  pool.on("error", () => undefined);
  resources.defer(() => pool.end());
  const leases = createStreamLeases(pool, { owner, name: settings.CONSUMER_ID, base: redis.streamKey });
  const queue = resources.use(createMemoryStream({ maxBytes: MAX_WAITING_BYTES }));
  const fault = Promise.withResolvers<never>();
  fault.promise.catch(() => undefined);
  const ending = new AbortController();
  const state = new WorkState();
  const consume: ConsumeOptions = {
    store,
    telemetry,
    nowMs: Date.now,
    keepsCollection: compileCollectionFilter(settings.COLLECTIONS),
    onLetters: (letters) => readers.noteDead(letters),
  };
  const readers = createRedisReaders({
    surroundings,
    settings,
    redis,
    leases,
    queue: {
      append(pack) {
        state.handedOn(pack);
        return queue.append(pack).then(() => state.applied(pack));
      },
    },
    consume,
    stop: ending.signal,
    onFault: fault.reject,
    onPacks(groups) {
      const packs = groups.flatMap(({ pack }): Pack[] => (pack === null ? [] : [pack]));
      state.read(packs);
      for (const { header } of packs) telemetry.count("received_events_total", header.count, "stream");
    },
  });
  resources.use(readers);
  resources.use(
    keepStreamHouse({ settings, client: readers.client, streams: readers.streams, pool: store.pool, telemetry }),
  );
  vitals.readsStream = true;
  vitals.source = () => state.source(readers.trouble());
  vitals.ingest = () => state.ingest(readers.waitingBytes);
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
  resources.defer(() => consumer.stop());
  const keeping = new AbortController();
  const kept = keepLeases(
    {
      leases,
      streams: readers.streams,
      owner,
      async start(lease) {
        // For the status alone: until it applies something itself.
        state.begin(await readNewestApplied(store.pool).catch(() => null));
        return readers.start(lease);
      },
      onCertain: (atMs) => readers.noteCertain(atMs),
      onNames: (names) => readers.nameOurs(names),
      onStandby(holder) {
        vitals.standbyFor = holder;
        state.holds = holder === null;
        telemetry.gauge("standby", holder === null ? 0 : 1);
      },
      waits: leaseWaits(surroundings.waitShare),
      log: telemetry.log,
    },
    keeping.signal,
  );
  kept.catch(fault.reject);
  try {
    return await Promise.race([fault.promise, consumer.failed, whenStopped(stop), whenIdle(options, keeping.signal)]);
  } finally {
    keeping.abort();
    if (!(await settledWithin(kept, DRAIN_LIMIT_MS)))
      telemetry.log.warn("not everything could be applied in time; it stays pending and comes again");
    ending.abort();
    vitals.source = null;
    vitals.ingest = null;
    surroundings.screen.endStatus();
  }
}

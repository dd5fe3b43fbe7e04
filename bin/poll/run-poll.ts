/** A Redis stream of packs in, calls of the function that applies them until something ends it: the whole of `standpipe poll`, without what is around it. */
import { randomUUID } from "node:crypto";
import { LanesChangedError } from "../../lib/checkpoint/port.ts";
import type { IndexerSettings } from "../../lib/config/indexer-settings.ts";
import type { Settings } from "../../lib/config/processes.ts";
import type { RedisSettings } from "../../lib/config/redis-settings.ts";
import type { Pack } from "../../lib/core/pack.ts";
import type { PoolLogin } from "../../lib/credentials/database-login.ts";
import { readNewestApplied } from "../../lib/store/applied-mark.ts";
import { createPool, createPostgresStore, type PostgresStore } from "../../lib/store/postgres-store.ts";
import { otherLanes } from "../../lib/store/stored-lanes.ts";
import { createStreamLeases } from "../../lib/store/stream-leases.ts";
import type { FunctionWriter } from "../../lib/stream/lambda/writer.ts";
import { errorLine } from "../../lib/telemetry/log.ts";
import { explainDatabaseError, explainMissingTables, isDatabaseAway } from "../database-trouble.ts";
import { StopRequested } from "../stop-signals.ts";
import { settledWithin, tellEnd, whenIdle, whenStopped } from "../unified/ends.ts";
import { keepHouse } from "../unified/keep-house.ts";
import type { LongLivedProcess } from "../unified/process.ts";
import { retried } from "../unified/retry.ts";
import { keepLeases, leaseWaits } from "../work/lease-keeper.ts";
import { createRedisReaders } from "../work/redis-readers.ts";
import { keepStreamHouse } from "../work/stream-house.ts";
import { WorkState } from "../work/work-state.ts";
import { openFunctionWriter } from "./function-writer.ts";

export interface PollOptions {
  readonly surroundings: LongLivedProcess;
  readonly settings: Settings<"poll">;
  readonly redis: RedisSettings;
  readonly indexer: IndexerSettings;
  readonly connectionString: string;
  /** Stands for user and password of the address, where they are tokens or a secret. */
  readonly login: PoolLogin | undefined;
  /** Asks for a drain. */
  readonly stop: AbortSignal;
  readonly exitWhenIdleMs: number | null;
}

/** A stop has to end within ten seconds; what the function has not answered for by then stays pending, and comes again. */
const DRAIN_LIMIT_MS = 6_000;

/** Rejects with what no retry mends: replaced, a setting that is wrong, a fault of ours. */
export async function runPoll(options: PollOptions): Promise<void> {
  const { surroundings, settings, connectionString, login } = options;
  const { telemetry } = surroundings;
  try {
    await using store = createPostgresStore({
      connectionString,
      login,
      poolSize: settings.DB_POOL_SIZE,
      log: telemetry.log,
    });
    await untilMigrated(store, options);
    using _house = keepHouse(store.pool, options);
    tellEnd(await poll(store, options), options);
  } catch (error) {
    if (!(error instanceof StopRequested)) throw explainDatabaseError(error);
    tellEnd("stopped", options);
  }
}

/** undefined_table, invalid_schema_name. */
const NOT_MIGRATED = new Set(["42P01", "3F000"]);

/** The database belongs to the function: who migrates it does so in its own time. */
async function untilMigrated(store: PostgresStore, options: PollOptions): Promise<void> {
  const { surroundings, settings, stop } = options;
  const { telemetry, vitals } = surroundings;
  const stored = await retried(() => otherLanes(store.pool, settings.LANES), {
    signal: stop,
    worthRetrying: (error) => isDatabaseAway(error) || NOT_MIGRATED.has((error as { code?: string }).code ?? ""),
    onRetry(error, delayMs) {
      vitals.connectTrouble = errorLine(explainMissingTables(error));
      telemetry.log.warn("the database cannot be asked yet, trying again until it can", {
        error: vitals.connectTrouble,
        retryInMs: delayMs,
      });
    },
  });
  if (stored !== null) throw new LanesChangedError({ stored, given: settings.LANES });
  vitals.connectTrouble = null;
}

async function poll(store: PostgresStore, options: PollOptions): Promise<"stopped" | "idle"> {
  const { surroundings, settings, redis, connectionString, login, stop } = options;
  const { telemetry, vitals } = surroundings;
  await using resources = new AsyncDisposableStack();
  const owner = randomUUID();
  // Of its own, so that a busy pool does not let a poller look dead.
  const pool = createPool({ connectionString, login, poolSize: 1 });
  pool.on("error", () => undefined);
  resources.defer(() => pool.end());
  const leases = createStreamLeases(pool, { owner, name: settings.CONSUMER_ID, base: redis.streamKey });
  const fault = Promise.withResolvers<never>();
  fault.promise.catch(() => undefined);
  const ending = new AbortController();
  const state = new WorkState();
  const readers = createRedisReaders({
    surroundings,
    settings,
    redis,
    leases,
    queue: counted(resources.use(openFunctionWriter(options)), state, stop),
    // For what is no pack: the function could not be given it, whatever its size.
    consume: { store, telemetry, nowMs: Date.now },
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
  const keeping = new AbortController();
  const kept = keepLeases(
    {
      leases,
      streams: readers.streams,
      owner,
      async start(lease) {
        // For the status alone: until the function has applied something for this process.
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
    return await Promise.race([fault.promise, whenStopped(stop), whenIdle(options, keeping.signal)]);
  } finally {
    keeping.abort();
    if (!(await settledWithin(kept, DRAIN_LIMIT_MS))) {
      telemetry.log.warn("the function has not answered in time; what it was given stays pending and comes again");
    }
    ending.abort();
    vitals.source = null;
    vitals.ingest = null;
    surroundings.screen.endStatus();
  }
}

/** Tells the status what is in hand, and lets nothing wait for company once the process is to stop. */
function counted(writer: FunctionWriter, state: WorkState, stop: AbortSignal): Pick<FunctionWriter, "append"> {
  stop.addEventListener("abort", () => writer.hurry(), { once: true });
  return {
    append(pack) {
      state.handedOn(pack);
      return writer.append(pack).then(() => state.applied(pack));
    },
  };
}

/** A Redis stream of packs in, calls of the function that applies them until something ends it: the whole of `standpipe poll`, without what is around it. */
import { LanesChangedError } from "../../lib/checkpoint/port.ts";
import type { IndexerSettings } from "../../lib/config/indexer-settings.ts";
import type { Settings } from "../../lib/config/processes.ts";
import type { RedisSettings } from "../../lib/config/redis-settings.ts";
import type { PoolLogin } from "../../lib/credentials/database-login.ts";
import { createPostgresStore, type PostgresStore } from "../../lib/store/postgres-store.ts";
import { otherLanes } from "../../lib/store/stored-lanes.ts";
import { errorLine } from "../../lib/telemetry/log.ts";
import { explainDatabaseError, explainMissingTables, isDatabaseAway } from "../database-trouble.ts";
import { StopRequested } from "../stop-signals.ts";
import { tellEnd } from "../unified/ends.ts";
import { keepHouse } from "../unified/keep-house.ts";
import type { LongLivedProcess } from "../unified/process.ts";
import { retried } from "../unified/retry.ts";
import { openLeasedReading } from "../work/leased-reading.ts";
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
  const { telemetry } = options.surroundings;
  const writer = openFunctionWriter(options);
  // Nothing waits for company once the process is to stop.
  options.stop.addEventListener("abort", () => writer.hurry(), { once: true });
  // For what is no pack: the function could not be given it, whatever its size.
  const consume = { store, telemetry, nowMs: Date.now };
  await using reading = openLeasedReading({ ...options, store, writer, consume });
  return await reading.run({
    onLate: () =>
      telemetry.log.warn("the function has not answered in time; what it was given stays pending and comes again"),
  });
}

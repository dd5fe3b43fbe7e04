/** The database's newest rows in, one line of metrics out: the same number that a reader would find, whatever the parts before say. */
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import { databaseLoginOptions } from "../../lib/config/database-login.ts";
import type { Settings } from "../../lib/config/processes.ts";
import { createDatabaseLogin } from "../../lib/credentials/database-login.ts";
import { readNewestRowAge } from "../../lib/store/newest-row-age.ts";
import { createPool } from "../../lib/store/postgres-store.ts";
import { createCounters } from "../../lib/telemetry/counters.ts";
import { createEmf } from "../../lib/telemetry/emf.ts";
import type { Log } from "../../lib/telemetry/port.ts";

export interface FreshnessOptions {
  readonly settings: Settings<"freshness">;
  readonly log: Log;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
  /** Takes whole lines, newline included. */
  readonly write: (line: string) => void;
}

/** Milliseconds; together below the function's 20 s, so that a database that is silent shows as that and not as a function that was cut. */
const CONNECT_TIMEOUT_MS = 8_000;
const ANSWER_TIMEOUT_MS = 8_000;

/**
 * A connection of its own each time: a canary that keeps one would not notice that nobody else gets in. Before the first row there is
 * nothing to tell, and no line.
 *
 * @throws what the database or the way to it says; then there is no line either, which is what the alarm hears.
 */
export async function reportFreshness({ settings, log, nowMs, write }: FreshnessOptions): Promise<void> {
  const ageSeconds = await askAge(settings, nowMs);
  if (ageSeconds === null) {
    log.warn("nothing is stored yet: there are no newest rows");
    return;
  }
  log.debug("asked the database", { ageSeconds });
  if (settings.EMF_NAMESPACE === null) {
    log.info("the newest rows", { ageSeconds });
    return;
  }
  const counters = createCounters();
  counters.set("newest_row_age_seconds", ageSeconds, "");
  const dimensions = { command: "freshness" };
  write(createEmf({ counters, namespace: settings.EMF_NAMESPACE, dimensions, nowMs }).line());
}

async function askAge(settings: Settings<"freshness">, nowMs: () => number): Promise<number | null> {
  const { DATABASE_URL: address, DATABASE_SCHEMA: schema } = settings;
  if (address === null) throw new ConfigurationError("DATABASE_URL is not set: must be the database that is asked");
  const login = createDatabaseLogin({
    address,
    ...databaseLoginOptions(settings),
    nowMs,
  });
  const pool = createPool({
    connectionString: address,
    login: await login.open(),
    poolSize: 1,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
  });
  try {
    return await readNewestRowAge(pool, { schema, timeoutMs: ANSWER_TIMEOUT_MS });
  } finally {
    await pool.end();
  }
}

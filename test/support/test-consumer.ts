/** consume() on a database of its own. */
import { type ConsumeOptions, consume } from "../../lib/consume/consume.ts";
import type { Pack } from "../../lib/core/pack.ts";
import { createPostgresStore, type PostgresStore } from "../../lib/store/postgres-store.ts";
import { CountingTelemetry } from "./counting-telemetry.ts";
import { createTestDatabase } from "./database.ts";
import { recordedAtMs } from "./recorded-frames.ts";
import { silentLog } from "./silent-log.ts";

export interface TestConsumer extends AsyncDisposable {
  readonly store: PostgresStore;
  readonly telemetry: CountingTelemetry;
  readonly options: ConsumeOptions;
  readonly connectionString: string;
  /** Another process' life on the same database: nothing remembered, marks of its own. */
  reborn(): TestConsumer;
  consume(...packs: readonly Pack[]): Promise<void>;
}

export async function createTestConsumer(): Promise<TestConsumer> {
  const database = await createTestDatabase();
  const consumer = onDatabase(database.connectionString);
  return {
    ...consumer,
    async [Symbol.asyncDispose]() {
      await consumer[Symbol.asyncDispose]();
      await database.drop();
    },
  };
}

function onDatabase(connectionString: string): TestConsumer {
  const store = createPostgresStore({ connectionString, poolSize: 3, log: silentLog });
  const telemetry = new CountingTelemetry();
  const options: ConsumeOptions = { store, telemetry, nowMs: () => recordedAtMs };
  return {
    store,
    telemetry,
    options,
    connectionString,
    reborn: () => onDatabase(connectionString),
    consume: (...packs) => consume(packs, options),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** A database that grows by stages, mostly by likes, for the parts that ask what size does. */
import { join } from "node:path";
import type { ServerSettings } from "../../lib/store/embedded/settings.ts";
import { type BenchDatabase, openBenchDatabase } from "./database.ts";
import { formatNumber } from "./figure.ts";
import { BulkFill, FILLING } from "./load/bulk/bulk-fill.ts";
import type { Mix } from "./load/cheap/mix.ts";
import { createConsumer } from "./load/drain.ts";
import { PackLoad } from "./load/packs.ts";

/** Mostly likes: the tables whose growth is asked for. Of posts fewer are stored than are liked, which likes do not mind. */
const MIX: Mix = { like: 40, post: 1, follow: 1 };
const LIKE_SHARE = 40 / 42;
const WORKERS = 2;
/** Events a batch of the stretch before a measurement, as in it. */
const SETTLE_SIZE = 500;

export interface Scale {
  /** Likes. */
  readonly stages: readonly [number, number, number];
  /** Events over which is measured at each stage. */
  readonly windowEvents: number;
  /** Events that come through consume() before: the cache then holds what consume() uses. */
  readonly settleEvents: number;
  readonly sharedBuffers: string;
  /** Of each kind, where reading is measured. */
  readonly lookUps: number;
}

const FULL: Scale = {
  stages: [1e6, 5e6, 20e6],
  // Five minutes at 450 events a second, as long as Postgres goes by default from one checkpoint to the next.
  windowEvents: 135_000,
  settleEvents: 20_000,
  sharedBuffers: "128MB",
  lookUps: 1_000,
};
/** A hundredth of the rows, a thirty-second of the buffers. */
const QUICK: Scale = {
  stages: [10_000, 50_000, 200_000],
  windowEvents: 10_000,
  settleEvents: 2_000,
  sharedBuffers: "4MB",
  lookUps: 500,
};

export function scaleOf(quick: boolean): Scale {
  return quick ? QUICK : FULL;
}

export interface GrowingDatabase extends AsyncDisposable {
  readonly database: BenchDatabase;
  readonly load: PackLoad;
  /** Until so many likes are in it, the last of them through consume(); the server then runs as it is to be measured. */
  growTo(likes: number): Promise<void>;
}

export async function openGrowing(scale: Scale, log: (line: string) => void): Promise<GrowingDatabase> {
  const { settleEvents } = scale;
  const database = await openBenchDatabase(FILLING);
  const load = new PackLoad({ mix: MIX });
  const filling = new BulkFill({ load, database, folder: join(database.folder, "copy") });
  return {
    database,
    load,
    async growTo(likes) {
      const begin = { at: performance.now(), cpu: process.cpuUsage() };
      const events = Math.round(likes / LIKE_SHARE) - load.seq - settleEvents;
      await database.restart(FILLING);
      await filling.fill(events);
      // As autovacuum does on a server that has filled by itself: otherwise the first to read a row notes that it is committed, and logs its page.
      await database.client.query("VACUUM (ANALYZE)");
      const { user, system } = process.cpuUsage(begin.cpu);
      const seconds = (performance.now() - begin.at) / 1000;
      log(
        `grown to ${formatNumber(likes)} likes in ${formatNumber(seconds)} s; CPU an event: here ` +
          `${formatNumber((user + system) / events)} µs, Postgres ${formatNumber((database.cpuSeconds() * 1e6) / events)} µs`,
      );
      await database.restart(measured(scale));
      await using consumer = createConsumer(database.connectionString, WORKERS);
      await consumer.drain(load.source({ events: settleEvents, size: SETTLE_SIZE }));
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

function measured({ sharedBuffers }: Scale): ServerSettings {
  return {
    shared_buffers: sharedBuffers,
    shared_preload_libraries: "pg_stat_statements",
    // Neither a checkpoint of the server's own nor a vacuum falls into what is measured.
    autovacuum: false,
    max_wal_size: "8GB",
    checkpoint_timeout: "1h",
  };
}

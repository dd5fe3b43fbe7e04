/** A database that grows by stages, mostly by likes, for the parts that ask what size does. */
import type { Client } from "../support/postgres-client.ts";
import { type BenchDatabase, openBenchDatabase } from "./database.ts";
import { formatNumber } from "./figure.ts";
import type { Mix } from "./load/cheap/mix.ts";
import { createConsumer } from "./load/drain.ts";
import { PackLoad } from "./load/packs.ts";

/** Mostly likes: the tables whose growth is asked for. Of posts fewer are stored than are liked, which likes do not mind. */
const MIX: Mix = { like: 20, post: 1, follow: 1 };
const LIKE_SHARE = 20 / 22;
/** Batches of the filling: far larger than the usual, since only what is there afterwards counts. */
export const FILL_SIZE = 8000;
const WORKERS = 2;

export interface Scale {
  /** Likes. */
  readonly stages: readonly [number, number, number];
  /** Events over which is measured at each stage. */
  readonly windowEvents: number;
  readonly sharedBuffers: string;
}

const FULL: Scale = { stages: [1e6, 5e6, 20e6], windowEvents: 200_000, sharedBuffers: "128MB" };
/** A twentieth of the rows, an eighth of the buffers. */
const QUICK: Scale = { stages: [50_000, 250_000, 1e6], windowEvents: 20_000, sharedBuffers: "16MB" };

export function scaleOf(quick: boolean): Scale {
  return quick ? QUICK : FULL;
}

export interface GrowingDatabase extends AsyncDisposable {
  readonly database: BenchDatabase;
  readonly load: PackLoad;
  /** Until so many likes are in it. */
  growTo(likes: number): Promise<void>;
}

export async function openGrowing({ sharedBuffers }: Scale, log: (line: string) => void): Promise<GrowingDatabase> {
  const database = await openBenchDatabase({
    shared_buffers: sharedBuffers,
    shared_preload_libraries: "pg_stat_statements",
    // No checkpoint of the server's own falls into what is measured.
    max_wal_size: "8GB",
    checkpoint_timeout: "1h",
  });
  const load = new PackLoad({ mix: MIX });
  return {
    database,
    load,
    async growTo(likes) {
      const events = Math.round(likes / LIKE_SHARE) - load.seq;
      const begin = performance.now();
      await fill({ database, load, events });
      const rate = events / ((performance.now() - begin) / 1000);
      log(`grown to ${formatNumber(likes)} likes: ${formatNumber(Math.round(rate))} events/s`);
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** By the same consume(): the rows come in the order and from the statements that they always come from. */
async function fill({
  database,
  load,
  events,
}: {
  readonly database: BenchDatabase;
  readonly load: PackLoad;
  readonly events: number;
}): Promise<void> {
  await setDurable(database.client, false);
  {
    await using consumer = createConsumer(database.connectionString, WORKERS);
    await consumer.drain(load.source({ events, size: FILL_SIZE }));
  }
  await setDurable(database.client, true);
}

/** While filling nothing has to survive, and pages need not be written twice; the pages themselves are the same. */
async function setDurable(client: Client, isDurable: boolean): Promise<void> {
  for (const name of ["fsync", "full_page_writes", "synchronous_commit"]) {
    await client.query(`ALTER SYSTEM SET ${name} = ${isDurable ? "on" : "off"}`);
  }
  await client.query("SELECT pg_reload_conf()");
}

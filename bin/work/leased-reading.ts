/**
 * Streams of Redis that this process has leased, read and handed on until something ends it: what `standpipe work` and `standpipe poll` have in
 * common. What becomes of a pack is the writer's matter.
 */
import { randomUUID } from "node:crypto";
import type { Settings } from "../../lib/config/processes.ts";
import type { RedisSettings } from "../../lib/config/redis-settings.ts";
import type { ConsumeOptions } from "../../lib/consume/consume.ts";
import type { Pack } from "../../lib/core/pack.ts";
import type { DeadLetter } from "../../lib/core/row-change.ts";
import type { PoolLogin } from "../../lib/credentials/database-login.ts";
import { readNewestApplied } from "../../lib/store/applied-mark.ts";
import { createPool, type PostgresStore } from "../../lib/store/postgres-store.ts";
import { createStreamLeases } from "../../lib/store/stream-leases.ts";
import type { PackWriter } from "../../lib/stream/port.ts";
import { settledWithin, whenIdle, whenStopped } from "../unified/ends.ts";
import type { LongLivedProcess } from "../unified/process.ts";
import { keepLeases, leaseWaits } from "./lease-keeper.ts";
import { createRedisReaders } from "./redis-readers.ts";
import { keepStreamHouse } from "./stream-house.ts";
import { WorkState } from "./work-state.ts";

export interface LeasedReadingOptions {
  readonly surroundings: LongLivedProcess;
  readonly settings: Settings<"work"> | Settings<"poll">;
  readonly redis: RedisSettings;
  readonly connectionString: string;
  readonly login?: PoolLogin | undefined;
  readonly store: PostgresStore;
  /** Resolves for a pack once it is applied. Ended with the reading: after the readers, and before the leases are out of reach. */
  readonly writer: Pick<PackWriter, "append"> & Disposable;
  /** For what is no pack, and becomes a dead letter here. */
  readonly consume: ConsumeOptions;
  /** Asks for a drain. */
  readonly stop: AbortSignal;
  readonly exitWhenIdleMs: number | null;
}

export interface LeasedReading extends AsyncDisposable {
  /** Of events that became dead letters while they were applied. */
  noteDead(letters: readonly DeadLetter[]): void;
  /**
   * Takes leases and reads until a stop or idleness, or rejects with what `failed` does or no retry mends. In the end the leases are given back;
   * `onLate` is called where what was handed on is not applied by then.
   */
  run(ends: { readonly failed?: Promise<never>; readonly onLate: () => void }): Promise<"stopped" | "idle">;
}

/** A stop has to end within ten seconds; what is not applied by then stays pending, and comes again. */
const DRAIN_LIMIT_MS = 6_000;

export function openLeasedReading(options: LeasedReadingOptions): LeasedReading {
  const { surroundings, settings, redis, connectionString, login, store, writer, consume, stop } = options;
  const { telemetry, vitals } = surroundings;
  const resources = new AsyncDisposableStack();
  const owner = randomUUID();
  // Of its own, so that a busy pool does not let a worker look dead.
  const pool = createPool({ connectionString, login, poolSize: 1 });
  pool.on("error", () => undefined);
  resources.defer(() => pool.end());
  resources.use(writer);
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
    queue: {
      append(pack) {
        state.handedOn(pack);
        return writer.append(pack).then(() => state.applied(pack));
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
  const { client, streams } = readers;
  resources.use(keepStreamHouse({ settings, client, streams, pool: store.pool, telemetry }));
  vitals.readsStream = true;
  vitals.source = () => state.source(readers.trouble());
  vitals.ingest = () => state.ingest(readers.waitingBytes);

  const keep = (signal: AbortSignal): Promise<void> =>
    keepLeases(
      {
        leases,
        streams,
        owner,
        async start(lease) {
          // For the status alone: until something is applied for this process.
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
      signal,
    );

  return {
    noteDead: (letters) => readers.noteDead(letters),
    async run({ failed, onLate }) {
      const keeping = new AbortController();
      const kept = keep(keeping.signal);
      kept.catch(fault.reject);
      const ends = [fault.promise, whenStopped(stop), whenIdle(options, keeping.signal)];
      try {
        return await Promise.race(failed === undefined ? ends : [failed, ...ends]);
      } finally {
        keeping.abort();
        if (!(await settledWithin(kept, DRAIN_LIMIT_MS))) onLate();
        ending.abort();
        vitals.source = null;
        vitals.ingest = null;
        surroundings.screen.endStatus();
      }
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

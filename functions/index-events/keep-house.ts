/** The clock and the database in, the tombstones' days turned once an hour out: with Kinesis nobody else does it. */
import type { PostgresStore } from "../../lib/store/postgres-store.ts";
import { turnTombstones } from "../../lib/store/tombstones.ts";
import { errorLine } from "../../lib/telemetry/log.ts";
import type { Telemetry } from "../../lib/telemetry/port.ts";

export interface HouseOptions {
  /** TOMBSTONE_DAYS. */
  readonly keepDays: number;
  readonly use: (work: (store: PostgresStore) => Promise<void>) => Promise<void>;
  readonly nowMs: () => number;
  readonly telemetry: Telemetry;
}

/** After a batch that is done, with the milliseconds that the invocation has left. Never rejects: nothing of it concerns the batch. */
export type KeepHouse = (leftMs: number) => Promise<void>;

/** Days are opened two ahead: an hour late is early enough. Each instance of the function does it; the second finds nothing to do. */
const TURN_EVERY_MS = 3_600_000;
/** Somebody may read the tombstones: each of their locks is waited for two seconds. */
const LONGEST_MS = 10_000;
/** Less is not worth beginning. */
const SHORTEST_MS = 1_000;

/** The first call turns them, and then the first one of each hour; what fails is tried again in the next. */
export function createKeepHouse({ keepDays, use, nowMs, telemetry }: HouseOptions): KeepHouse {
  let turnedAtMs = Number.NEGATIVE_INFINITY;
  return async (leftMs) => {
    // Half, since the answer has to go out as well: to connect anew takes as long as the function stops before its end.
    const limitMs = Math.min(LONGEST_MS, leftMs / 2);
    if (limitMs < SHORTEST_MS || nowMs() - turnedAtMs < TURN_EVERY_MS) return;
    turnedAtMs = nowMs();
    try {
      await use((store) => turnTombstones(store.pool, { keepDays, limitMs }));
    } catch (error) {
      telemetry.log.warn("old tombstones could not be dropped; trying again in an hour", { error: errorLine(error) });
    }
  };
}

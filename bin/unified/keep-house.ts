/** What a writer of a database does beside writing: counts what is stored for the status, and turns the tombstones' days. */
import type { Settings } from "../../lib/config/processes.ts";
import { readTotals } from "../../lib/store/overview.ts";
import type { PostgresStore } from "../../lib/store/postgres-store.ts";
import { turnTombstones } from "../../lib/store/tombstones.ts";
import { errorLine } from "../../lib/telemetry/log.ts";
import type { LongLivedProcess } from "./process.ts";
import { repeat } from "./repeat.ts";

const LOOK_EVERY_MS = 1_000;
/** The look itself costs a millisecond. */
const SILENT_AFTER_MS = 5_000;
/** Partitions are made days ahead: an hour late is early enough. */
const TURN_EVERY_MS = 3_600_000;

/** Until disposed of; what fails is tried again the next time. */
export function keepHouse(
  pool: PostgresStore["pool"],
  options: {
    readonly surroundings: LongLivedProcess;
    readonly settings: Pick<Settings<"start">, "TOMBSTONE_DAYS">;
  },
): Disposable {
  const { telemetry, vitals } = options.surroundings;
  const look = async (): Promise<void> => {
    // A server that is frozen, or behind a network that drops everything, answers neither yes nor no.
    const silence = setTimeout(() => {
      vitals.connectTrouble = `no answer for ${SILENT_AFTER_MS / 1000} s`;
      telemetry.gauge("database_connected", 0);
    }, SILENT_AFTER_MS);
    try {
      const totals = await readTotals(pool);
      vitals.totals = totals;
      vitals.connectTrouble = null;
      telemetry.gauge("stored_records", totals.rows);
      telemetry.gauge("open_dead_letters", totals.deadLetters);
      telemetry.gauge("recorded_gaps", totals.gaps);
    } catch (error) {
      vitals.connectTrouble = errorLine(error);
    } finally {
      clearTimeout(silence);
      telemetry.gauge("database_connected", vitals.connectTrouble === null ? 1 : 0);
    }
  };
  const turn = (): Promise<void> =>
    turnTombstones(pool, { keepDays: options.settings.TOMBSTONE_DAYS }).catch((error: unknown) => {
      telemetry.log.warn("old tombstones could not be dropped; trying again in an hour", { error: errorLine(error) });
    });
  const timers = [repeat(look, LOOK_EVERY_MS), repeat(turn, TURN_EVERY_MS)];
  return {
    [Symbol.dispose]() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}

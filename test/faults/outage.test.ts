/** Postgres away for a minute while the relay sends as fast as it can: memory stays bounded, the process says why it waits, and nothing is lost. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { openEmbeddedPostgres } from "../../lib/store/embedded/embedded-postgres.ts";
import { signalPostgres } from "../support/postgres-processes.ts";
import { usageOf } from "../support/process-usage.ts";
import { silentLog } from "../support/silent-log.ts";
import {
  ENDED_WELL,
  LAST_SEQ,
  startRelay,
  startUnified,
  temporaryDataDirectory,
  type UnifiedProcess,
} from "../support/unified-process.ts";
import { embeddedFaultsOf } from "../support/whole-network.ts";

const OUTAGE_MS = Number(process.env["STANDPIPE_OUTAGE_SECONDS"] ?? 60) * 1000;
const MAX_RESIDENT_BYTES = 256e6;
/** Rounds of the recording, under new seqs: their first writes the rows, the others are repeats that fill the byte budget many times over. */
const ROUNDS = 14;
const END_SEQ = LAST_SEQ * ROUNDS;
const TEST_LIMIT_MS = OUTAGE_MS + 150_000;
const LOOK_EVERY_MS = 100;

interface Outage {
  readonly begin: () => Promise<void>;
  readonly end: () => Promise<void>;
}

/** With rows already there, Postgres goes; as long as it is away the process is healthy, not ready, says so and stays small. */
async function passOutage(life: UnifiedProcess, outage: Outage): Promise<void> {
  await life.until(({ cursor }) => (cursor ?? 0) > LAST_SEQ / 4);
  await outage.begin();
  const endsAtMs = performance.now() + OUTAGE_MS;
  const silent = await life.until(({ databaseConnected }) => !databaseConnected);
  expect(silent.databaseTrouble).toEqual(expect.any(String));
  while (performance.now() < endsAtMs) {
    const [health, ready, status] = await Promise.all([life.ask("/health"), life.ask("/ready"), life.status()]);
    expect(health).toMatchObject({ code: 200, json: { reason: expect.stringContaining("database") } });
    expect(ready).toMatchObject({ code: 503, json: { reason: expect.stringContaining("database") } });
    expect(status?.rssBytes).toBeLessThan(MAX_RESIDENT_BYTES);
    await sleep(LOOK_EVERY_MS);
  }
  const waiting = await life.status();
  expect(waiting?.receivedSeq, "most of what the relay has is still to come").toBeLessThan(END_SEQ / 2);
  await outage.end();
  const atEnd = await life.until(({ cursor }) => (cursor ?? 0) >= END_SEQ);
  expect(atEnd.rssBytes).toBeLessThan(MAX_RESIDENT_BYTES);
  // Where the system tells it: also between our looks.
  expect(usageOf(life.pid)?.peakResidentBytes ?? 0).toBeLessThan(MAX_RESIDENT_BYTES);
}

describe.concurrent("Postgres away for a minute under full load", () => {
  test(
    "frozen, so that it neither answers nor refuses",
    async () => {
      await using data = await temporaryDataDirectory();
      await using relay = await startRelay("--loop", String(ROUNDS));
      await using life = startUnified({ relay, env: { STANDPIPE_DATA_DIR: data.path }, exitWhenIdle: 2 });
      // Nothing else ends a frozen server.
      using _thaw = { [Symbol.dispose]: () => void signalPostgres(data.path, "SIGCONT") };
      await passOutage(life, {
        begin: async () => expect(signalPostgres(data.path, "SIGSTOP")).toBeGreaterThan(1),
        end: async () => expect(signalPostgres(data.path, "SIGCONT")).toBeGreaterThan(1),
      });
      expect(await life.ending()).toEqual(ENDED_WELL);
      expect(await embeddedFaultsOf(data.path, { lastSeq: END_SEQ })).toEqual([]);
    },
    TEST_LIMIT_MS,
  );

  test(
    "stopped, so that it refuses",
    async () => {
      await using data = await temporaryDataDirectory();
      await using relay = await startRelay("--loop", String(ROUNDS));
      const open = () => openEmbeddedPostgres({ dataDir: data.path, log: silentLog, command: "test" });
      let postgres = await open();
      await postgres.ensureDatabase();
      const env = { DATABASE_URL: postgres.connectionString() };
      await using life = startUnified({ relay, env, exitWhenIdle: 2 });
      await passOutage(life, {
        begin: async () => await postgres[Symbol.asyncDispose](),
        end: async () => {
          postgres = await open();
          expect(postgres.connectionString()).toBe(env.DATABASE_URL);
        },
      });
      expect(await life.ending()).toEqual(ENDED_WELL);
      await postgres[Symbol.asyncDispose]();
      expect(await embeddedFaultsOf(data.path, { lastSeq: END_SEQ })).toEqual([]);
    },
    TEST_LIMIT_MS,
  );
});

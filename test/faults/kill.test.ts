/**
 * Guarantee 8 on the real process: killed at random points, together with its Postgres or apart from it, and started again, it ends
 * where an undisturbed run ends. `STANDPIPE_FAULT_SEED` repeats a run's points.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { type Random, seededRandom } from "../fuzz/mutate.ts";
import { signalPostgres } from "../support/postgres-processes.ts";
import {
  ENDED_WELL,
  LAST_SEQ,
  type RelayProcess,
  startRelay,
  startUnified,
  temporaryDataDirectory,
  type UnifiedProcess,
} from "../support/unified-process.ts";
import { embeddedFaultsOf } from "../support/whole-network.ts";

/** One life of the process and what it works on. */
interface Scene {
  readonly life: UnifiedProcess;
  readonly dataDir: string;
}

interface Fault {
  readonly of: string;
  /** False where the process lives on. */
  readonly endsLife: boolean;
  strike(scene: Scene, random: Random): Promise<void>;
}

const FAULTS: readonly Fault[] = [
  {
    of: "kill -9 of the process",
    endsLife: true,
    async strike({ life }) {
      expect(await life.kill("SIGKILL")).toEqual({ code: null, signal: "SIGKILL" });
    },
  },
  {
    of: "kill -9 of Postgres, postmaster and backends,",
    endsLife: false,
    async strike({ dataDir }) {
      signalPostgres(dataDir, "SIGKILL");
    },
  },
  {
    of: "kill -9 of both",
    endsLife: true,
    async strike({ life, dataDir }, random) {
      const isPostgresFirst = random(2) === 0;
      if (isPostgresFirst) signalPostgres(dataDir, "SIGKILL");
      await life.kill("SIGKILL");
      if (!isPostgresFirst) signalPostgres(dataDir, "SIGKILL");
    },
  },
  {
    of: "Ctrl-C to the whole process group",
    endsLife: true,
    async strike({ life }) {
      const askedAtMs = performance.now();
      await life.killGroup("SIGINT");
      expect(performance.now() - askedAtMs).toBeLessThan(10_000);
      const ending = await life.ending();
      // While Node still loads it nobody listens, and it has not done anything either.
      const hadBegun = life.stdout() !== "" || ending.signal === null;
      expect(ending).toEqual(hadBegun ? ENDED_WELL : { ...ENDED_WELL, code: null, signal: "SIGINT" });
    },
  },
];

/** So slow that the kills fall into the work, so fast that it is over soon. */
const EVENTS_PER_SECOND = "1500";

/** Waits until the life is at a point of its work. */
type Moment = (life: UnifiedProcess, random: Random) => Promise<void>;

/** Right after the first event, before any cursor can have been saved. */
const atFirstEvent: Moment = async (life, random) => {
  await life.waitForLine(/"msg":"reading"/);
  await sleep(random(150));
};

/** Anywhere in the start: while it opens the database, connects, catches up. */
const whileStarting: Moment = (_, random) => sleep(random(1_500));

/** Once everything up to a random event of this part of the recording is durable. */
function atEvent(fromShare: number, toShare: number): Moment {
  return async (life, random) => {
    const seq = Math.round(LAST_SEQ * fromShare) + random(Math.round(LAST_SEQ * (toShare - fromShare)));
    await life.until(({ cursor }) => (cursor ?? 0) >= seq);
    await sleep(random(50));
  };
}

const MOMENTS: readonly Moment[] = [atFirstEvent, atEvent(0.1, 0.3), whileStarting, atEvent(0.5, 0.9)];

const seed = Number(process.env["STANDPIPE_FAULT_SEED"] ?? Date.now());

test.each(FAULTS.map((fault, index) => ({ ...fault, index })))(
  "$of at random points costs a replay and nothing else",
  async ({ index, ...fault }) => {
    const random = seededRandom(seed + index);
    await using data = await temporaryDataDirectory();
    await using relay = await startRelay("--speed", EVENTS_PER_SECOND);
    try {
      await survive(fault, { relay, dataDir: data.path, random });
      const faults = await embeddedFaultsOf(data.path, { lastSeq: LAST_SEQ });
      expect(faults, `${faults.length} faults`).toEqual([]);
    } catch (cause) {
      throw new Error(`with STANDPIPE_FAULT_SEED=${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });
    }
  },
);

async function survive(
  fault: Fault,
  { relay, dataDir, random }: { readonly relay: RelayProcess; readonly dataDir: string; readonly random: Random },
): Promise<void> {
  await using lives = new AsyncDisposableStack();
  const begin = () => lives.use(startUnified({ relay, env: { STANDPIPE_DATA_DIR: dataDir }, exitWhenIdle: 2 }));
  let life = begin();
  for (const moment of MOMENTS) {
    await moment(life, random);
    await fault.strike({ life, dataDir }, random);
    if (fault.endsLife) life = begin();
  }
  expect(await life.ending()).toEqual(ENDED_WELL);
}

/** Our own processes: killed, ended, frozen, doubled, replaced, and given another clock. */
import { setTimeout as sleep } from "node:timers/promises";
import type { World } from "../world.ts";
import { EVERY_MODE, type Fault } from "./fault.ts";

/** Twenty minutes, and a day with an hour more: another day's tombstones. */
const STEPS_SECONDS = [-1_200, 1_200, 90_000, -90_000] as const;

/** The reader or the worker. */
function anyProcess({ reader, worker, random }: World): World["reader"] {
  return worker !== null && random(2) === 0 ? worker : reader;
}

export const PROCESS_FAULTS: readonly Fault[] = [
  { name: "kill -9", modes: EVERY_MODE, strike: (world) => anyProcess(world).kill() },
  {
    name: "kill -9 twice, while it starts",
    modes: EVERY_MODE,
    async strike(world) {
      const struck = anyProcess(world);
      await struck.kill();
      await sleep(world.random(1_000));
      await struck.kill();
    },
  },
  {
    name: "SIGTERM and a new one",
    modes: EVERY_MODE,
    async strike(world) {
      const struck = anyProcess(world);
      await struck.stop();
      struck.start();
    },
  },
  {
    name: "SIGSTOP for longer than its lease",
    modes: EVERY_MODE,
    async strike(world) {
      const { process: frozen } = anyProcess(world);
      if (frozen === null) return;
      signal(frozen.pid, "SIGSTOP");
      await sleep(world.longerThanLeaseMs);
      signal(frozen.pid, "SIGCONT");
    },
  },
  {
    name: "two readers at once",
    modes: EVERY_MODE,
    async strike({ second, random }) {
      second.start();
      await sleep(800 + random(800));
      await second.kill();
      await second.stop();
    },
  },
  {
    name: "the clock steps",
    modes: EVERY_MODE,
    setsClock: true,
    async strike({ clock, random }) {
      clock?.step(STEPS_SECONDS[random(STEPS_SECONDS.length)] ?? 0);
      await sleep(300 + random(700));
      clock?.step(0);
    },
  },
  {
    name: "rolling replacement",
    modes: EVERY_MODE,
    async strike({ reader, second, random }) {
      second.start();
      await sleep(random(1_000));
      await reader.stop().catch(ignoreFenced);
      await sleep(300);
      reader.start();
      await sleep(random(300));
      await second.stop().catch(ignoreFenced);
    },
  },
];

/** Of two that are at work the one that was replaced ends with 1, and may do so just when it is asked to. */
function ignoreFenced(error: unknown): void {
  if (!(error instanceof Error) || !/ended with 1/.test(error.message)) throw error;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended in between.
  }
}

/** The machine's own time. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "./port.ts";

export const machineClock: Clock = {
  nowMs: Date.now,
  async wait(ms, signal) {
    await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
  },
};

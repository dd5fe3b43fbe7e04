/** So many random schedules over random small networks; the first that ends otherwise than it should, as short as it can be made. */
import { mock } from "node:test";
import fc from "fast-check";
import { arbitraryActs, networkOf } from "./network.ts";
import { arbitraryStep } from "./steps.ts";
import { World } from "./world.ts";

export interface SchedulesOptions {
  readonly runs: number;
  readonly seed: number;
  /** No further schedule begins after so many milliseconds. */
  readonly limitMs?: number;
}

/** How many were run. @throws with the shortest failing schedule, and the seed that leads there. */
export async function runSchedules({ runs, seed, limitMs }: SchedulesOptions): Promise<number> {
  let count = 0;
  mock.timers.enable({ apis: ["setInterval"] });
  try {
    await fc.assert(
      fc.asyncProperty(arbitraryActs, fc.array(arbitraryStep, { maxLength: 60 }), async (acts, steps) => {
        count += 1;
        const { events, end } = networkOf(acts);
        await using world = new World(events, (ms) => mock.timers.tick(ms));
        for (const step of steps) await world.step(step);
        await world.settle();
        const found = world.differences(end);
        if (found.length > 0) throw new Error(found.join("\n"));
      }),
      {
        numRuns: runs,
        seed,
        ...(limitMs !== undefined && { plugins: [fc.interruptAfterTimeLimit(limitMs)] }),
      },
    );
    return count;
  } finally {
    mock.timers.reset();
  }
}

/** `npm run model -- --runs 100000 --seed 7 --minutes 30`: as many random schedules of delivery as you like. Exit code 1 and the shortest failing one at the first finding. */
import { parseArgs } from "node:util";
import { runSchedules } from "./run-schedules.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "20000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    minutes: { type: "string", default: "600" },
  },
});
const [runs, seed, minutes] = [values.runs, values.seed, values.minutes].map(Number);

if (
  ![runs, seed].every(Number.isSafeInteger) ||
  runs === undefined ||
  runs < 1 ||
  seed === undefined ||
  !((minutes ?? 0) > 0)
) {
  console.error("usage: npm run model -- [--runs N] [--seed N] [--minutes M]: whole numbers, runs and minutes above 0");
  process.exitCode = 2;
} else {
  console.log(`${runs} schedules, seed ${seed}`);
  const begin = performance.now();
  try {
    const count = await runSchedules({ runs, seed, limitMs: (minutes ?? 0) * 60_000 });
    const took = (performance.now() - begin) / 1000;
    console.log(`${count} schedules in ${took.toFixed(0)} s, all ended as their network did`);
  } catch (error) {
    console.error(error);
    console.error(`again: npm run model -- --runs ${runs} --seed ${seed}`);
    process.exitCode = 1;
  }
}

/**
 * `npm run faults -- --seeds 20 --mode unified --first 1 --keep`: real processes, real Postgres, Redis and Kinesis API, disturbed at random.
 * Each seed ends with the comparison with the network's end; one that fails says the command that repeats it.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const USAGE = `npm run faults -- [--seeds N] [--mode unified|kinesis|redis …] [--first N] [--fault NAME] [--keep]

  --seeds   how many of each mode (3)
  --mode    only these; all three where none is named
  --first   the first seed (1)
  --fault   by name, as the output has it: in each schedule beside what chance chooses
  --keep    append a line for each to test/faults/seeds/results.jsonl`;

const MODES = ["unified", "kinesis", "redis"];

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "3" },
    mode: { type: "string", multiple: true, default: MODES },
    first: { type: "string", default: "1" },
    fault: { type: "string", default: "" },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const isNumber = (text: string): boolean => /^\d{1,9}$/.test(text) && Number(text) > 0;

if (values.help) console.log(USAGE);
else if (!isNumber(values.seeds) || !isNumber(values.first) || values.mode.some((mode) => !MODES.includes(mode))) {
  console.error(`faults: seeds and first are whole numbers above 0, mode is one of ${MODES.join(", ")}\n\n${USAGE}`);
  process.exitCode = 2;
} else {
  const root = fileURLToPath(new URL("../", import.meta.url));
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
  const { status } = spawnSync("vitest", ["run", "--config", "vitest.faults.config.ts"], {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      FAULT_MODES: values.mode.join(","),
      FAULT_SEEDS: values.seeds,
      FAULT_FIRST: values.first,
      FAULT_KEEP: values.keep ? "yes" : "",
      FAULT_COMMIT: commit,
      FAULT_ALWAYS: values.fault,
    },
  });
  process.exitCode = status ?? 1;
}

/** `npm run fuzz -- --iterations 1000000 --seed 7`: as many mutated frames as you like. Exit code 1 and the frame in hexadecimal at the first finding. */
import { parseArgs } from "node:util";
import { recordedAtMs, recordedFrames } from "../support/recorded-frames.ts";
import { FuzzError, fuzz, fuzzRecords } from "./fuzz.ts";
import { recordsOf } from "./records.ts";

const { values } = parseArgs({
  options: { iterations: { type: "string", default: "500000" }, seed: { type: "string", default: String(Date.now()) } },
});
const iterations = Number(values.iterations);
const seed = Number(values.seed);

if (!Number.isSafeInteger(iterations) || iterations < 1 || !Number.isSafeInteger(seed)) {
  console.error("usage: npm run fuzz -- [--iterations N] [--seed N]: both are whole numbers, iterations at least 1");
  process.exitCode = 2;
} else {
  run();
}

function run(): void {
  console.log(`${iterations} mutated frames and as many records, seed ${seed}`);
  try {
    const { outcomes, slowestMs } = fuzz({ frames: recordedFrames, receivedAtMs: recordedAtMs, iterations, seed });
    for (const [outcome, count] of [...outcomes].sort(([, a], [, b]) => b - a)) {
      console.log(`${String(count).padStart(9)}  ${outcome}`);
    }
    const decodable = fuzzRecords({ frames: recordsOf(recordedFrames), iterations, seed });
    console.log(`${String(decodable).padStart(9)}  records still decodable; slowest frame ${slowestMs.toFixed(1)} ms`);
  } catch (error) {
    console.error(error);
    console.error(error instanceof FuzzError ? Buffer.from(error.frame).toString("hex") : "");
    process.exitCode = 1;
  }
}

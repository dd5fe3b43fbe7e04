/**
 * `npm run fuzz -- --iterations 1000000 --seed 7 --target pack --hours 3 --keep`: as many mutated inputs of every decoder as you like.
 * At the first finding exit code 1, the command that leads there again, and the input as a file of the corpus.
 */
import { parseArgs } from "node:util";
import { keepShortest, readCorpus, writeKept } from "./corpus.ts";
import { FuzzError, fuzz } from "./fuzz.ts";
import { TARGETS } from "./targets/all.ts";

const USAGE = `npm run fuzz -- [--iterations N] [--seed N] [--target NAME …] [--hours H] [--keep]

  --iterations   mutated inputs of each decoder (200000)
  --seed         of the first round (the time)
  --target       only these: ${TARGETS.map(({ name }) => name).join(", ")}
  --hours        round after round, each with the next seed, until so much time has passed
  --keep         put the shortest input of each outcome into test/fuzz/corpus`;

const { values } = parseArgs({
  options: {
    iterations: { type: "string", default: "200000" },
    seed: { type: "string", default: String(Date.now()) },
    target: { type: "string", multiple: true, default: TARGETS.map(({ name }) => name) },
    hours: { type: "string", default: "0" },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const iterations = Number(values.iterations);
const firstSeed = Number(values.seed);
const hours = Number(values.hours);
const targets = TARGETS.filter(({ name }) => values.target.includes(name));

if (values.help) console.log(USAGE);
else if (!Number.isSafeInteger(iterations) || iterations < 1 || !Number.isSafeInteger(firstSeed) || !(hours >= 0)) {
  fail("iterations and seed are whole numbers, hours is a number");
} else if (targets.length < new Set(values.target).size) fail(`no such target: ${values.target.join(", ")}`);
else run();

function fail(reason: string): void {
  console.error(`fuzz: ${reason}\n\n${USAGE}`);
  process.exitCode = 2;
}

function run(): void {
  const endMs = performance.now() + hours * 3_600_000;
  let seed = firstSeed;
  do {
    for (const target of targets) {
      if (!runOne(target, seed)) return;
    }
    seed += 1;
  } while (performance.now() < endMs);
}

function runOne(target: (typeof TARGETS)[number], seed: number): boolean {
  console.log(`${target.name}: ${iterations} mutated inputs, seed ${seed}`);
  try {
    const corpus = readCorpus(target.name).map(({ input }) => input);
    const { outcomes, shortest, slowestMs } = fuzz(target, { iterations, seed, corpus });
    for (const [outcome, count] of [...outcomes].sort(([, a], [, b]) => b - a)) {
      console.log(`${String(count).padStart(9)}  ${outcome}`);
    }
    console.log(`           slowest ${slowestMs.toFixed(1)} ms`);
    if (values.keep) console.log(`           kept: ${keepShortest(target.name, shortest).join(", ") || "nothing new"}`);
    return true;
  } catch (error) {
    if (!(error instanceof FuzzError)) throw error;
    console.error(error);
    const path = writeKept(target.name, `finding-${seed}-${error.iteration}`, error.input);
    console.error(`again: npm run fuzz -- --target ${target.name} --seed ${seed} --iterations ${error.iteration + 1}`);
    console.error(`the input is in ${path}`);
    process.exitCode = 1;
    return false;
  }
}

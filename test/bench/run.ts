/**
 * `npm run bench [-- --quick] [-- --write] [-- part …]`: runs the parts, each in a process of its own, prints one table, and after a
 * full run writes it into docs/benchmarks.md. Budgets that are missed are told and are no failure: machines are noisy.
 */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { endOnSignals } from "./end-on-signals.ts";
import { type Figure, isMet, textTable } from "./figure.ts";
import { commit, describeMachine } from "./machine.ts";
import { chosenParts, PARTS, unknownParts } from "./parts.ts";
import { installPeers } from "./peers-install.ts";
import type { PartOutcome } from "./run-part.ts";
import { writePage } from "./write-page.ts";

const USAGE = `npm run bench [-- --quick] [-- --write] [-- part …]

  --quick   smaller loads: about 5 minutes instead of about 30
  --write   write docs/benchmarks.md also after a quick run, or one of some parts: the others stay as they are there
  --help    this text

parts: ${PARTS.map(({ name }) => name).join(", ")}
All of them where none is named; ${PARTS.flatMap(({ name, within }) => (within === undefined ? [] : [`${name} is then measured within ${within}`])).join("; ")}.`;

const CACHE = fileURLToPath(new URL(".cache/", import.meta.url));
const RUN_PART = fileURLToPath(new URL("run-part.ts", import.meta.url));

interface Arguments {
  readonly quick: boolean;
  readonly write: boolean;
  readonly names: readonly string[];
}

/** Null where there is nothing to run; the exit code is set then. */
function readArguments(): Arguments | null {
  const options = { quick: { type: "boolean" }, write: { type: "boolean" }, help: { type: "boolean" } } as const;
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    if (values.help === true) {
      console.log(USAGE);
      return null;
    }
    const unknown = unknownParts(positionals);
    if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(", ")}`);
    return { quick: values.quick === true, write: values.write === true, names: positionals };
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = 2;
    return null;
  }
}

async function bench({ quick, write, names }: Arguments): Promise<void> {
  const begin = performance.now();
  const program = commit();
  const chosen = chosenParts(names);
  mkdirSync(CACHE, { recursive: true });
  if (chosen.some(({ needsPeers }) => needsPeers)) installPeers((line) => console.error(line));
  const figures: Figure[] = [];
  const about = new Map<string, string>();
  const failed: string[] = [];
  for (const [index, { name }] of chosen.entries()) {
    console.error(`${index + 1}/${chosen.length} ${name}`);
    const partBegin = performance.now();
    const outcome = await runPart(name, quick);
    if (outcome === null) failed.push(name);
    else {
      figures.push(...outcome.figures);
      const took = `Took ${minutesSince(partBegin)} minutes.`;
      for (const [part, text] of Object.entries(outcome.about))
        about.set(part, part === name ? `${text} ${took}` : text);
    }
    console.error(
      `  ${name}: ${outcome === null ? "FAILED" : "done"} in ${minutesSince(partBegin)} minutes, ${minutesSince(begin)} in all`,
    );
  }
  console.log(`\n${textTable(figures)}\n\n${verdict(figures)}`);
  if (((names.length === 0 && !quick) || write) && figures.length > 0) {
    const said = [...(quick ? ["--quick"] : []), ...(write ? ["--write"] : []), ...names];
    const command = ["npm run bench", ...(said.length > 0 ? ["--", ...said] : [])].join(" ");
    const measured = `Measured at ${program}${quick ? " with `--quick`" : ""} on ${new Date().toISOString().slice(0, 10)}.`;
    const run = describeMachine({ command, commit: program, minutes: minutesSince(begin) });
    writePage({ figures, about, measured, run });
    console.log("written: docs/benchmarks.md");
  }
  if (failed.length > 0) {
    console.error(`bench: ${failed.join(", ")} failed; what the page says of that is older`);
    process.exitCode = 1;
  }
}

/** Null where it failed; it has said why on standard error. */
async function runPart(name: string, quick: boolean): Promise<PartOutcome | null> {
  const args = [RUN_PART, name, CACHE, ...(quick ? ["--quick"] : [])];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const endIt = (): void => void child.kill();
  process.once("exit", endIt);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.on("error", () => resolve(null));
  child.on("close", resolve);
  const code = await promise;
  process.off("exit", endIt);
  const line = Buffer.concat(chunks).toString("utf8").trim().split("\n").at(-1) ?? "";
  return code === 0 && line !== "" ? (JSON.parse(line) as PartOutcome) : null;
}

function verdict(figures: readonly Figure[]): string {
  const budgeted = figures.filter((figure) => figure.budget !== undefined);
  const missed = budgeted.filter((figure) => isMet(figure) === false);
  const sum = `budgets met: ${budgeted.length - missed.length} of ${budgeted.length}`;
  return missed.length === 0 ? sum : `${sum}\nmissed: ${missed.map(({ part, name }) => `${part}, ${name}`).join("; ")}`;
}

function minutesSince(begin: number): string {
  return ((performance.now() - begin) / 60_000).toFixed(1);
}

endOnSignals();
const wanted = readArguments();
if (wanted !== null) await bench(wanted);

/**
 * One part in a process of its own, so that neither the heap nor the compiled code of another changes its figures:
 * `node run-part.ts NAME FOLDER [--quick]`. Progress goes to standard error, one JSON line with text and figures to standard output.
 */
import { parseArgs } from "node:util";
import { endOnSignals } from "./end-on-signals.ts";
import type { Figure } from "./figure.ts";
import { PARTS } from "./parts.ts";

export interface PartOutcome {
  /** Of each part that the figures are of: one may measure another within it. */
  readonly about: Readonly<Record<string, string>>;
  readonly figures: readonly Figure[];
}

endOnSignals();
const { values, positionals } = parseArgs({
  options: { quick: { type: "boolean", default: false } },
  allowPositionals: true,
});
const [name = "", folder = ""] = positionals;
const entry = PARTS.find((part) => part.name === name);
if (entry === undefined) throw new Error(`no part is called ${name}`);
const part = await entry.load();
const log = (line: string): void => console.error(`  ${name}: ${line}`);
const figures = await part.run({ quick: values.quick, log, folder });
const measured = PARTS.filter((one) => figures.some((figure) => figure.part === one.name));
const abouts = await Promise.all(measured.map(async (one) => [one.name, (await one.load()).about] as const));
const outcome: PartOutcome = { about: Object.fromEntries(abouts), figures };
console.log(JSON.stringify(outcome));

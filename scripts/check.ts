/** `npm run check`: every tool looks once, a line each with its time, and in full what the failing ones found. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

interface Check {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

interface Outcome {
  readonly passed: boolean;
  readonly output: string;
  readonly elapsedMs: number;
}

const root = fileURLToPath(new URL("../", import.meta.url));

const cruised = ["bin", "lib", "ingester", "functions", "scripts", "test"].filter((folder) =>
  existsSync(`${root}${folder}`),
);

const checks: readonly Check[] = [
  { name: "format", command: "biome", args: ["check", "."] },
  { name: "lint", command: "oxlint", args: [] },
  { name: "types", command: "tsc", args: ["--noEmit", "--project", "."] },
  { name: "imports", command: "depcruise", args: cruised },
  { name: "unused", command: "knip", args: [] },
];

let failed = 0;
for (const check of checks) {
  const { passed, output, elapsedMs } = await run(check);
  console.log(`${passed ? "ok    " : "FAILED"}  ${check.name.padEnd(8)} ${(elapsedMs / 1000).toFixed(1)} s`);
  if (passed) continue;
  failed++;
  console.log(`\n${[check.command, ...check.args].join(" ")}\n${output.trimEnd()}\n`);
}
console.log(failed === 0 ? "check: all passed" : `check: ${failed} of ${checks.length} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function run({ command, args }: Check): Promise<Outcome> {
  const startedAtMs = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(`${root}node_modules/.bin/${command}`, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", (cause) => reject(new Error(`cannot run ${command}`, { cause })));
    child.on("close", (code) => {
      resolve({
        passed: code === 0,
        output: Buffer.concat(chunks).toString(),
        elapsedMs: performance.now() - startedAtMs,
      });
    });
  });
}

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../support/project-root.ts";
import { runTool } from "../../support/run-tool.ts";
import { type TemporaryTree, temporaryTree } from "../../support/temporary-tree.ts";

/** One violation a rule, each in a file of its own. */
const violations: readonly { readonly rule: string; readonly path: string; readonly source: string }[] = [
  {
    rule: "typescript(no-floating-promises)",
    path: "lib/ingest/floating.ts",
    source: "export function run(): void {\n  Promise.resolve(1);\n}\n",
  },
  {
    rule: "typescript(no-misused-promises)",
    path: "lib/ingest/misused.ts",
    source:
      "export function run(list: number[]): void {\n  list.forEach(async (n) => {\n    await Promise.resolve(n);\n  });\n}\n",
  },
  {
    rule: "typescript(switch-exhaustiveness-check)",
    path: "lib/core/switch.ts",
    source:
      'export function run(kind: "a" | "b" | "c"): number | undefined {\n  switch (kind) {\n    case "a":\n      return 1;\n    case "b":\n      return 2;\n  }\n  return undefined;\n}\n',
  },
  {
    rule: "typescript(only-throw-error)",
    path: "lib/core/throw.ts",
    source: 'export function run(): never {\n  throw "text";\n}\n',
  },
  {
    rule: "typescript(no-explicit-any)",
    path: "lib/core/any.ts",
    source: "export function run(value: any): number {\n  return value.length;\n}\n",
  },
  {
    rule: "typescript(no-non-null-assertion)",
    path: "lib/core/non-null.ts",
    source: "export function run(list: number[]): number {\n  return list[0]!;\n}\n",
  },
  {
    rule: "typescript(consistent-type-imports)",
    path: "lib/core/type-import.ts",
    source:
      'import { Shape } from "./shape.ts";\nexport function run(shape: Shape): number {\n  return shape.size;\n}\n',
  },
  {
    rule: "import(no-default-export)",
    path: "lib/core/default-export.ts",
    source: "export default function run(): void {}\n",
  },
  { rule: "unicorn(filename-case)", path: "lib/core/camelCase.ts", source: "export const one = 1;\n" },
  {
    rule: "unicorn(prefer-node-protocol)",
    path: "lib/core/protocol.ts",
    source: 'import { gzipSync } from "zlib";\nexport const zip = gzipSync;\n',
  },
  {
    rule: "node(no-process-env)",
    path: "lib/store/env.ts",
    source: 'export const url = process.env["DATABASE_URL"];\n',
  },
  { rule: "node(no-process-env)", path: "bin/env.ts", source: "export const url = process.env.DATABASE_URL;\n" },
  {
    rule: "eslint(no-restricted-imports)",
    path: "lib/store/env-import.ts",
    source: 'import { env } from "node:process";\nexport const url = env["DATABASE_URL"];\n',
  },
  {
    rule: "eslint(no-console)",
    path: "lib/store/console.ts",
    source: 'export function run(): void {\n  console.log("here");\n}\n',
  },
  {
    rule: "eslint(no-restricted-properties)",
    path: "lib/store/stdout.ts",
    source: 'export function run(): void {\n  process.stdout.write("here");\n}\n',
  },
  {
    rule: "eslint(no-restricted-properties)",
    path: "lib/core/clock.ts",
    source: "export function run(): number {\n  return Date.now();\n}\n",
  },
  {
    rule: "eslint(no-restricted-globals)",
    path: "lib/core/timer.ts",
    source: "export function run(work: () => void): void {\n  setTimeout(work, 5);\n}\n",
  },
  {
    rule: "unicorn(no-process-exit)",
    path: "lib/ingest/exit.ts",
    source: "export function run(): never {\n  process.exit(1);\n}\n",
  },
  {
    rule: "eslint(preserve-caught-error)",
    path: "lib/store/cause.ts",
    source:
      'export function run(work: () => void): void {\n  try {\n    work();\n  } catch (cause) {\n    throw new Error("lost");\n  }\n}\n',
  },
];

/** What a rule forbids elsewhere and allows here. */
const allowed: Readonly<Record<string, string>> = {
  "lib/core/shape.ts": "export interface Shape {\n  readonly size: number;\n}\n",
  "lib/config/environment.ts": "export const environment = process.env;\n",
  "lib/telemetry/terminal.ts":
    'export function run(): void {\n  process.stdout.write("here");\n  console.log("here");\n}\n',
  "bin/command.ts": 'console.log("here");\nprocess.stdout.write("here");\n',
  "some.config.ts": "export default { port: Number(process.env['PORT']) };\n",
};

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

describe("the lint rules", () => {
  let tree: TemporaryTree;
  let diagnostics: readonly Diagnostic[] = [];

  beforeAll(async () => {
    const config = await readFile(join(projectRoot, ".oxlintrc.json"), "utf8");
    const compilerOptions = {
      target: "es2024",
      lib: ["es2024"],
      module: "nodenext",
      strict: true,
      noEmit: true,
      types: [],
    };
    const seeded = Object.fromEntries(violations.map(({ path, source }) => [path, source]));
    tree = await temporaryTree({
      ".oxlintrc.json": config,
      "tsconfig.json": JSON.stringify({ compilerOptions }),
      ...allowed,
      ...seeded,
    });
    const { stdout } = await runTool("oxlint", ["--format", "json"], { cwd: tree.root });
    diagnostics = (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics;
  });
  afterAll(() => tree[Symbol.asyncDispose]());

  it.each(violations)("$rule is broken by $path", ({ rule, path }) => {
    expect(codesIn(path)).toContain(rule);
  });

  it.each(Object.keys(allowed))("nothing is found in %s", (path) => {
    expect(codesIn(path)).toEqual([]);
  });

  function codesIn(path: string): string[] {
    return diagnostics.filter(({ filename }) => filename === path).map(({ code }) => code);
  }
});

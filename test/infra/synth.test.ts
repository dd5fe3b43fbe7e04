/** The whole app as somebody who deploys would make it: offline, without credentials, and without an unexplained finding. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Stack } from "aws-cdk-lib";
import * as s3 from "aws-cdk-lib/aws-s3";
import { afterAll, describe, expect, it } from "vitest";
import { acknowledgements } from "../../lib/infra/nag-acknowledgements.ts";
import { STAGE_NAMES, STAGES } from "../../lib/infra/stage.ts";
import { projectRoot } from "../support/project-root.ts";
import { runTool } from "../support/run-tool.ts";
import { builtStage } from "./support/built-app.ts";

const folder = mkdtempSync(join(tmpdir(), "standpipe-synth-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(STAGE_NAMES)("%s", (name) => {
  const { app, stacks } = builtStage(STAGES[name], name === "production" ? { bastion: "true" } : {});

  it("has its stacks", () => {
    const reduced = ["stream", "indexer", "monitoring"];
    const whole = ["network", "stream", "database", "ingester", "indexer", "monitoring"];
    expect(stacks).toEqual(STAGES[name].reduced ? reduced : whole);
  });

  it("synthesises without a finding of cdk-nag that has no reason, and without a secret", () => {
    const assembly = app.synth();
    const templates = JSON.stringify(assembly.stacks.map(({ template }) => template as unknown));
    // Only what was found is shown: a template is long.
    expect(templates.match(/\{\{resolve:|:\/\/\w+:[^@"/]+@|AKIA[0-9A-Z]{16}/)?.[0]).toBeUndefined();
    expect(templates.length).toBeGreaterThan(10_000);
  });

  it("marks every resource that can be marked with project and stage", () => {
    const tags = JSON.stringify(builtStage(STAGES[name]).template("stream").findResources("AWS::Kinesis::Stream"));
    expect(tags).toContain(`{"Key":"stage","Value":"${name}"}`);
    expect(tags).toContain('{"Key":"project","Value":"standpipe"}');
  });
});

it("cdk-nag bites: a bucket without a reason stops the synthesis", () => {
  const { app, stack } = builtStage(STAGES.production);
  new s3.Bucket(stack("stream"), "Unexplained");
  expect(() => app.synth()).toThrow(/AwsSolutions-S1/);
});

it("each reason says something about a place that there is", () => {
  const { app } = builtStage(STAGES.production, { bastion: "true" });
  const missing = acknowledgements(STAGES.production).flatMap(({ stack, at }) =>
    at.filter((path) => {
      const parts = [`standpipe-production-${stack}`, ...path.split("/")];
      return (
        parts.reduce((place: Stack["node"] | undefined, part) => place?.tryFindChild(part)?.node, app.node) ===
        undefined
      );
    }),
  );
  expect(missing).toEqual([]);
});

describe("cdk.json", () => {
  const { app, context } = JSON.parse(readFileSync(join(projectRoot, "cdk.json"), "utf8")) as {
    readonly app: string;
    readonly context: Readonly<Record<string, unknown>>;
  };

  it("runs the app with the Node that comes with the install", () => {
    expect(app).toBe("node bin/app.ts");
  });

  it("has every recommended flag but one", () => {
    const flags = JSON.parse(
      readFileSync(join(projectRoot, "node_modules/aws-cdk-lib/recommended-feature-flags.json"), "utf8"),
    ) as Readonly<Record<string, unknown>>;
    // A reference that refuses to delete what another stack uses, and that LocalStack's last free version knows.
    expect(context).toEqual({ ...flags, "@aws-cdk/core:defaultCrossStackReferences": "strong" });
  });
});

it("the CLI is version 2: a later number was published by accident and reads none of this", async () => {
  const { stdout } = await runTool("cdk", ["--version"], { cwd: projectRoot });
  expect(stdout).toMatch(/^2\.\d+/);
});

it("`npx cdk synth` bundles the functions, offline and without credentials", () => {
  const out = join(folder, "out");
  const { status, stderr } = spawnSync("cdk", ["synth", "--quiet", "--output", out], {
    cwd: projectRoot,
    encoding: "utf8",
    // As npx would run it, with nothing of AWS around; addresses of AWS lead nowhere.
    env: {
      PATH: `${join(projectRoot, "node_modules/.bin")}:${process.env.PATH}`,
      HOME: folder,
      HTTPS_PROXY: "http://127.0.0.1:1",
    },
  });
  expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
  const written = readdirSync(out);
  expect(written.filter((name) => name.endsWith(".template.json"))).toHaveLength(15);
  const bundles = written.filter((name) => existsSync(join(out, name, "index.mjs")));
  // One of a kind: the stages share their code.
  expect(bundles).toHaveLength(3);
  expect(bundles.filter((name) => existsSync(join(out, name, "migrations/0001_tables.sql")))).toHaveLength(1);
  // All stages and three bundles: 20 s, and several times that on a machine that does other things as well.
}, 240_000);

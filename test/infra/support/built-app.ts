/** The app of a stage as it would be synthesised, without bundling: what the templates promise does not hang on the code in them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { App, Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { afterAll } from "vitest";
import { buildApp } from "../../../lib/infra/build-app.ts";
import { cdkFlags } from "../../../lib/infra/cdk-flags.ts";
import type { Stage } from "../../../lib/infra/stage.ts";
import { projectRoot } from "../../support/project-root.ts";

const workshop = mkdtempSync(join(tmpdir(), "standpipe-infra-"));
afterAll(() => rmSync(workshop, { recursive: true, force: true }));

export interface BuiltStage {
  readonly app: App;
  /** By its name without the stage: `network`, `stream`, … */
  readonly template: (stack: string) => Template;
  readonly stack: (stack: string) => Stack;
  readonly stacks: readonly string[];
}

export function builtStage(stage: Stage, context: Readonly<Record<string, unknown>> = {}): BuiltStage {
  const app = buildApp({
    stages: [stage],
    root: projectRoot,
    outdir: mkdtempSync(join(workshop, "out-")),
    context: { ...cdkFlags(), ...context, "aws:cdk:bundling-stacks": [] },
  });
  const prefix = `standpipe-${stage.name}-`;
  const stack = (name: string): Stack => app.node.findChild(`${prefix}${name}`) as Stack;
  return {
    app,
    stack,
    template: (name) => Template.fromStack(stack(name)),
    stacks: app.node.children.flatMap(({ node }) => (node.id.startsWith(prefix) ? [node.id.slice(prefix.length)] : [])),
  };
}

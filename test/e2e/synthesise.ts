/** Once a run: what a deployment would upload, made as `npx cdk synth` makes it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { synthesise } from "../support/lambda/deployment.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder that `cdk synth` has filled. */
    readonly cdkOut: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Nothing of the checkout is near: a bundle that needs a package beside it does not load.
  const outdir = await mkdtemp(join(tmpdir(), "standpipe-deployed-"));
  await synthesise(outdir);
  project.provide("cdkOut", outdir);
  return () => rm(outdir, { recursive: true, force: true });
}

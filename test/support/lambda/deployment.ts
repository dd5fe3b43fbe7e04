/** A folder as `cdk synth` fills it in, what it would deploy of the indexer out: the bundle, the function's settings, its mapping. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { StageName } from "../../../lib/infra/stage.ts";
import { type MappingSettings, readMappingSettings } from "../event-source-mapping/settings.ts";
import { projectRoot } from "../project-root.ts";
import { runTool } from "../run-tool.ts";

export interface DeployedIndexer {
  /** The bundle. */
  readonly module: string;
  readonly timeoutMs: number;
  /** Without those whose value is known on AWS only: names and addresses of other resources. */
  readonly environment: Readonly<Record<string, string>>;
  readonly mapping: MappingSettings;
  readonly shards: number;
}

const STAGE: StageName = "production";

/** What `cdk deploy` would upload, bundles included. Rejects with what `cdk` said where it fails. */
export async function synthesise(outdir: string): Promise<void> {
  const args = ["synth", "--quiet", "--context", `stage=${STAGE}`, "--output", outdir];
  const { exitCode, stdout, stderr } = await runTool("cdk", args, { cwd: projectRoot });
  if (exitCode !== 0) throw new Error(`cdk ${args.join(" ")} ended with ${exitCode}\n${stdout}\n${stderr}`);
}

interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
}

/** @throws where the templates do not have it as it is looked for. */
export function readDeployment(outdir: string): DeployedIndexer {
  const name = `standpipe-${STAGE}-index-events`;
  const indexer = resourcesOf(outdir, "indexer");
  const { Properties } = only(indexer, (resource) => resource.Properties["FunctionName"] === name);
  const { Code, Handler, Runtime, Timeout, MemorySize, Environment } = Properties as {
    readonly Code: { readonly S3Key: string };
    readonly Handler: string;
    readonly Runtime: string;
    readonly Timeout: number;
    readonly MemorySize: number;
    readonly Environment: { readonly Variables: Readonly<Record<string, unknown>> };
  };
  if (Runtime !== "nodejs24.x" || Handler !== "index.handler") throw new Error(`${Runtime} ${Handler} is not run here`);
  const mapping = only(indexer, ({ Type }) => Type === "AWS::Lambda::EventSourceMapping");
  const stream = only(resourcesOf(outdir, "stream"), ({ Type }) => Type === "AWS::Kinesis::Stream");
  return {
    module: join(outdir, `asset.${Code.S3Key.replace(/\.zip$/, "")}`, "index.mjs"),
    timeoutMs: Timeout * 1000,
    environment: {
      ...Object.fromEntries(
        Object.entries(Environment.Variables).filter(
          (entry): entry is [string, string] => typeof entry[1] === "string",
        ),
      ),
      // Set by Lambda itself.
      AWS_LAMBDA_FUNCTION_NAME: name,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(MemorySize),
    },
    mapping: readMappingSettings(mapping.Properties),
    shards: Number(stream.Properties["ShardCount"]),
  };
}

function resourcesOf(outdir: string, stack: string): readonly Resource[] {
  const file = readdirSync(outdir).find((entry) => entry === `standpipe-${STAGE}-${stack}.template.json`);
  if (file === undefined) throw new Error(`no template of ${stack} in ${outdir}`);
  const { Resources } = JSON.parse(readFileSync(join(outdir, file), "utf8")) as {
    readonly Resources: Record<string, Resource>;
  };
  return Object.values(Resources);
}

function only(resources: readonly Resource[], isIt: (resource: Resource) => boolean): Resource {
  const found = resources.filter(isIt);
  const [first] = found;
  if (first === undefined || found.length > 1) throw new Error(`${found.length} resources are what one should be`);
  return first;
}

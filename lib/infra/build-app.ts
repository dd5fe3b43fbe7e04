/** A checkout in, the stacks of its stages out. Reads like the architecture: network, stream, database, ingester, indexer, monitoring. */
import { fileURLToPath } from "node:url";
import { App, type AppProps, Stack, Tags, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import { Bastion } from "./constructs/bastion.ts";
import { accessOnAws, accessOnLocalStack } from "./database-access.ts";
import { acknowledgeFindings } from "./nag-acknowledgements.ts";
import { resourceName } from "./names.ts";
import { DatabaseStack } from "./stacks/database-stack.ts";
import { IndexerStack } from "./stacks/indexer-stack.ts";
import { IngesterStack } from "./stacks/ingester-stack.ts";
import { MonitoringStack } from "./stacks/monitoring-stack.ts";
import { NetworkStack } from "./stacks/network-stack.ts";
import { StreamStack } from "./stacks/stream-stack.ts";
import { ValkeyStack } from "./stacks/valkey-stack.ts";
import { checkStage, STAGES, type Stage, StageError, stageNamed } from "./stage.ts";

export interface BuildAppOptions extends AppProps {
  /** The checkout whose code is deployed; this one, where nothing is said. */
  readonly root?: string;
  /** Without it all stages, or the one that `-c stage=…` names. */
  readonly stages?: readonly Stage[];
}

const CHECKOUT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Every stage is a set of stacks of its own: `cdk deploy 'standpipe-production-*'`.
 *
 * @throws StageError where a stage's numbers do not go together, or a function has no code.
 */
export function buildApp(options: BuildAppOptions = {}): App {
  const { root = CHECKOUT, stages, ...appProps } = options;
  const app = new App({ analyticsReporting: false, ...appProps });
  for (const stage of stages ?? stagesOf(app)) {
    checkStage(stage);
    if (stage.reduced) buildReducedStage(app, { stage, root });
    else buildStage(app, { stage, root });
  }
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return app;
}

function stagesOf(app: App): readonly Stage[] {
  const name = app.node.tryGetContext("stage") as string | undefined;
  const stages = name === undefined ? Object.values(STAGES) : [stageNamed(name)];
  const kind = streamKind(app);
  if (kind === undefined) return stages;
  const asked = stages.map((stage) => ({ ...stage, stream: { ...stage.stream, kind } }));
  // Where no stage is named, those that cannot have it are left out.
  return name === undefined && kind === "valkey" ? asked.filter(({ reduced }) => !reduced) : asked;
}

/** `-c stream=valkey`. */
function streamKind(app: App): Stage["stream"]["kind"] | undefined {
  const kind = app.node.tryGetContext("stream") as string | undefined;
  if (kind === undefined || kind === "kinesis" || kind === "valkey") return kind;
  throw new StageError(`-c stream=${kind}: must be kinesis or valkey`);
}

interface StageParts {
  readonly stage: Stage;
  readonly root: string;
}

function buildStage(app: App, { stage, root }: StageParts): void {
  const common = { stage, terminationProtection: stage.onRemoval === "keep" };
  const id = (stack: string): string => resourceName(stage, stack);
  const network = new NetworkStack(app, id("network"), common);
  const { vpc, securityGroups } = network;
  const streamStack =
    stage.stream.kind === "valkey"
      ? new ValkeyStack(app, id("stream"), { ...common, vpc, securityGroups })
      : new StreamStack(app, id("stream"), common);
  const { parts: stream, storage } = streamStack;
  const database = new DatabaseStack(app, id("database"), { ...common, vpc, securityGroups });
  const { proxy } = database;
  const ingesterStack = new IngesterStack(app, id("ingester"), {
    ...common,
    root,
    vpc,
    securityGroups,
    stream,
    storage,
    proxy,
  });
  const indexerStack = new IndexerStack(app, id("indexer"), {
    ...common,
    root,
    stream,
    storage,
    database: accessOnAws(network, database),
  });
  // Who reads packs knows a new form of them before anybody writes it: an older reader would set each aside as unreadable.
  ingesterStack.addStackDependency(indexerStack, "the reader of packs before their writer");
  new MonitoringStack(app, id("monitoring"), {
    ...common,
    stream,
    indexer: indexerStack.called,
    database: { instance: database.database, proxy },
  });
  if (app.node.tryGetContext("bastion") === "true") {
    new Bastion(database, "Bastion", { stage, vpc, reader: securityGroups.reader });
  }
  finish(app, stage);
}

/** What LocalStack's free tier can hold; the ingester runs on the host, Postgres in the compose file. */
function buildReducedStage(app: App, { stage, root }: StageParts): void {
  const id = (stack: string): string => resourceName(stage, stack);
  const streamStack = new StreamStack(app, id("stream"), { stage });
  const { parts: stream, storage } = streamStack;
  const { called } = new IndexerStack(app, id("indexer"), {
    stage,
    root,
    stream,
    storage,
    database: accessOnLocalStack(streamStack, stage),
  });
  new MonitoringStack(app, id("monitoring"), { stage, stream, indexer: called });
  finish(app, stage);
}

/** What holds for every resource of a stage: who pays for it, and which findings have their reasons. */
function finish(app: App, stage: Stage): void {
  for (const stack of app.node.children) {
    if (!(stack instanceof Stack) || !stack.stackName.startsWith(resourceName(stage, ""))) continue;
    Tags.of(stack).add("project", "standpipe");
    Tags.of(stack).add("stage", stage.name);
    acknowledgeFindings(stack, stage);
  }
}

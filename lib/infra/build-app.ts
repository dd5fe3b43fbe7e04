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
import { checkStage, STAGES, type Stage, stageNamed } from "./stage.ts";

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
  return name === undefined ? Object.values(STAGES) : [stageNamed(name)];
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
  const { stream, cursorTable, largePacks, failedBatches } = new StreamStack(app, id("stream"), common);
  const database = new DatabaseStack(app, id("database"), { ...common, vpc, securityGroups });
  const { proxy } = database;
  const ingesterStack = new IngesterStack(app, id("ingester"), {
    ...common,
    root,
    vpc,
    securityGroups,
    stream,
    cursorTable,
    largePacks,
    failedBatches,
    proxy,
  });
  const indexerStack = new IndexerStack(app, id("indexer"), {
    ...common,
    root,
    stream,
    largePacks,
    failedBatches,
    database: accessOnAws(network, database),
  });
  const { indexer, mapping } = indexerStack;
  // Who reads packs knows a new form of them before anybody writes it: an older reader would set each aside as unreadable.
  ingesterStack.addStackDependency(indexerStack, "the reader of packs before their writer");
  new MonitoringStack(app, id("monitoring"), {
    ...common,
    stream,
    failedBatches,
    indexer,
    mappingId: mapping.eventSourceMappingId,
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
  const { stream, largePacks, failedBatches } = streamStack;
  const { indexer, mapping } = new IndexerStack(app, id("indexer"), {
    stage,
    root,
    stream,
    largePacks,
    failedBatches,
    database: accessOnLocalStack(streamStack, stage),
  });
  new MonitoringStack(app, id("monitoring"), {
    stage,
    stream,
    failedBatches,
    indexer,
    mappingId: mapping.eventSourceMappingId,
  });
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

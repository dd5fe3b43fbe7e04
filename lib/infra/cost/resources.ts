/** Synthesised templates in, the resources that cost something out, counted and sized. */

import { type CloudFormationResource, metricsOfAlarm, metricsOfDashboard, ownMetrics } from "./watched-metrics.ts";

export interface CloudFormationTemplate {
  readonly Resources?: Readonly<Record<string, CloudFormationResource>>;
}

export interface PaidResources {
  readonly shards: number;
  readonly retentionHours: number;
  readonly lanes: number;
  /** Nodes of a Valkey stream. */
  readonly valkeyNodes: readonly { readonly node: string; readonly count: number }[];
  readonly tasks: readonly { readonly count: number; readonly vcpus: number; readonly memoryGb: number }[];
  readonly publicAddresses: number;
  readonly natGateways: number;
  /** One for each zone that an endpoint is in. */
  readonly interfaceEndpoints: number;
  readonly indexerMemoryGb: number;
  /** Invocations at a time, and how long each waits for its batch. */
  readonly workers: number;
  readonly batchingWindowSeconds: number;
  /** Memory of each function that a schedule calls each minute. */
  readonly canaries: readonly { readonly memoryGb: number }[];
  readonly databases: readonly PaidDatabase[];
  readonly proxies: number;
  readonly secrets: number;
  /** Metrics that alarms look at: one of a formula pays for each in it. */
  readonly alarmedMetrics: number;
  /** Metrics of ours, each with its dimensions, that an alarm or the dashboard looks at: the only ones that CloudWatch gets. */
  readonly ownMetrics: number;
  readonly dashboards: number;
  readonly logDays: number;
}

export interface PaidDatabase {
  readonly instance: string;
  readonly allocatedGb: number;
  readonly multiAz: boolean;
  readonly backupDays: number;
}

export function paidResources(templates: readonly CloudFormationTemplate[]): PaidResources {
  const resources = templates.flatMap(({ Resources = {} }) => Object.entries(Resources));
  const of = (type: string) =>
    resources.flatMap(([, { Type, Properties = {} }]) => (Type === type ? [Properties] : []));
  const services = of("AWS::ECS::Service");
  const stream = of("AWS::Kinesis::Stream")[0];
  const mapping = of("AWS::Lambda::EventSourceMapping")[0];
  const databases = of("AWS::RDS::DBInstance");
  const alarms = of("AWS::CloudWatch::Alarm");
  const dashboards = of("AWS::CloudWatch::Dashboard");
  const shards = number(stream?.ShardCount, 0);
  const definitions = of("AWS::ECS::TaskDefinition");
  const lanes = number(settingOf(definitions, "LANES"), 0);
  const pollers = settingOf(definitions, "INDEXER_FUNCTION") === undefined ? 0 : 1;
  return {
    shards,
    retentionHours: number(stream?.RetentionPeriodHours, 24),
    lanes,
    valkeyNodes: of("AWS::ElastiCache::ReplicationGroup").map(({ CacheNodeType, NumCacheClusters }) => ({
      node: String(CacheNodeType).replace(/^cache\./, ""),
      count: number(NumCacheClusters, 1),
    })),
    tasks: services.map((service) => ({
      count: number(service.DesiredCount, 1),
      ...sizeOf(definitionOf(service, resources)),
    })),
    publicAddresses: services.reduce((sum, service) => sum + number(service.DesiredCount, 1), 0),
    natGateways: of("AWS::EC2::NatGateway").length,
    interfaceEndpoints: of("AWS::EC2::VPCEndpoint")
      .filter(({ VpcEndpointType }) => VpcEndpointType === "Interface")
      .reduce((sum, { SubnetIds }) => sum + (Array.isArray(SubnetIds) ? SubnetIds.length : 1), 0),
    indexerMemoryGb: indexerMemoryMiB(mapping, resources) / 1024,
    // One call of each lane at a time, where a poller makes them.
    workers: shards * number(mapping?.ParallelizationFactor, 1) + pollers * lanes,
    batchingWindowSeconds: number(
      mapping?.MaximumBatchingWindowInSeconds,
      number(settingOf(definitions, "BATCHING_WINDOW_MS"), 0) / 1000,
    ),
    canaries: of("AWS::Events::Rule").map(({ Targets }) => ({ memoryGb: canaryMemoryMiB(Targets, resources) / 1024 })),
    databases: databases.map((database) => ({
      instance: String(database.DBInstanceClass).replace(/^db\./, ""),
      allocatedGb: number(database.AllocatedStorage, 20),
      multiAz: database.MultiAZ === true,
      backupDays: number(database.BackupRetentionPeriod, 1),
    })),
    proxies: of("AWS::RDS::DBProxy").length,
    secrets:
      databases.filter(({ ManageMasterUserPassword }) => ManageMasterUserPassword === true).length +
      of("AWS::SecretsManager::Secret").length,
    alarmedMetrics: alarms.reduce((sum, alarm) => sum + metricsOfAlarm(alarm).length, 0),
    ownMetrics: ownMetrics([...alarms.flatMap(metricsOfAlarm), ...dashboards.flatMap(metricsOfDashboard)]),
    dashboards: dashboards.length,
    logDays: Math.max(0, ...of("AWS::Logs::LogGroup").map(({ RetentionInDays }) => number(RetentionInDays, 0))),
  };
}

type Resources = readonly (readonly [string, CloudFormationResource])[];

function definitionOf(
  service: Readonly<Record<string, unknown>>,
  resources: Resources,
): Readonly<Record<string, unknown>> {
  return target(service.TaskDefinition, resources);
}

function indexerMemoryMiB(mapping: Readonly<Record<string, unknown>> | undefined, resources: Resources): number {
  if (mapping !== undefined) return number(target(mapping.FunctionName, resources).MemorySize, 128);
  const called = resources.find(([, { Properties = {} }]) => String(Properties.FunctionName).endsWith("-index-events"));
  return called === undefined ? 0 : number(called[1].Properties?.MemorySize, 128);
}

function canaryMemoryMiB(targets: unknown, resources: Resources): number {
  const [first] = targets as readonly { readonly Arn: unknown }[];
  return number(target(first?.Arn, resources).MemorySize, 128);
}

/** What a `{ Ref: … }` or the attribute of a resource points at in the same template. */
function target(reference: unknown, resources: Resources): Readonly<Record<string, unknown>> {
  const { Ref, "Fn::GetAtt": attribute } = (reference ?? {}) as {
    readonly Ref?: string;
    readonly "Fn::GetAtt"?: readonly [string, string];
  };
  const id = Ref ?? attribute?.[0];
  return resources.find(([name]) => name === id)?.[1].Properties ?? {};
}

function sizeOf(definition: Readonly<Record<string, unknown>>): { readonly vcpus: number; readonly memoryGb: number } {
  return { vcpus: number(definition.Cpu, 0) / 1024, memoryGb: number(definition.Memory, 0) / 1024 };
}

/** The first task's that has it, as it is set. */
function settingOf(definitions: readonly Readonly<Record<string, unknown>>[], name: string): string | undefined {
  return new RegExp(`"Name":"${name}","Value":"([^"]+)"`).exec(JSON.stringify(definitions))?.[1];
}

function number(value: unknown, otherwise: number): number {
  const read = Number(value);
  return value === undefined || Number.isNaN(read) ? otherwise : read;
}

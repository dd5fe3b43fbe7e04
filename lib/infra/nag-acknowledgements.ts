/** Findings of cdk-nag that we know and accept, each with its reason, where it is. Anything else fails the synthesis. */
import { type Stack, Validations } from "aws-cdk-lib";
import type { IConstruct } from "constructs";
import { resourceName } from "./names.ts";
import { appliesInProcess, type Stage } from "./stage.ts";

export interface Acknowledgement {
  /** Name of the stack without the stage. */
  readonly stack: string;
  /** Paths in that stack; what a stage does not have is passed over. */
  readonly at: readonly string[];
  readonly findings: readonly string[];
  readonly reason: string;
}

function functionsOf(stage: Stage): readonly string[] {
  return ["Migrate", ...(appliesInProcess(stage) ? [] : ["IndexEvents"]), "Freshness"];
}

/** Paths of the tasks in their stack. */
function tasksOf({ stream }: Stage): readonly string[] {
  return ["Ingester", "Operations", ...(stream.kind === "valkey" ? ["StreamReader/Reader"] : [])];
}

/** Rights on the objects of a bucket of another stack: how the finding names it hangs on the export's name. */
function objectsOf(stage: Stage, output: string): string {
  return `AwsSolutions-IAM5[Resource::${resourceName(stage, "stream")}:ExportsOutputFnGetAtt${output}/*]`;
}

export function acknowledgements(stage: Stage): readonly Acknowledgement[] {
  const largePacks = objectsOf(stage, "LargePacks2C913812Arn83CC543D");
  const failedBatches = objectsOf(stage, "FailedBatches983C92ECArnCC01FDBE");
  return [
    {
      stack: "network",
      at: ["Vpc"],
      findings: ["AwsSolutions-VPC7"],
      reason: "Nothing comes in but answers; records of each of the relay's packets would cost more than the stream.",
    },
    {
      stack: "stream",
      at: stage.stream.kind === "valkey" ? ["LargePacks"] : ["LargePacks", "FailedBatches"],
      findings: ["AwsSolutions-S1"],
      reason: "Private buckets with one writer each and public records in them; the access log would be one more.",
    },
    ...valkeyAcknowledgements(stage),
    {
      stack: "database",
      at: ["Database"],
      findings: stage.database.multiAz ? [] : ["AwsSolutions-RDS3"],
      reason:
        "A zone's outage shows as lag: stream and relay keep 48 and 72 hours. database.multiAz doubles the price.",
    },
    {
      stack: "database",
      at: ["Database"],
      findings: stage.onRemoval === "keep" ? [] : ["AwsSolutions-RDS10"],
      reason: "A stage that is made to be thrown away.",
    },
    {
      stack: "database",
      at: ["Database"],
      findings: ["AwsSolutions-RDS11"],
      reason: "No route leads there from outside: another port would hide nothing and surprise every client.",
    },
    {
      stack: "database",
      at: ["Bastion/Host"],
      findings: [
        "AwsSolutions-IAM5[Action::ssmmessages:*]",
        "AwsSolutions-IAM5[Action::ec2messages:*]",
        "AwsSolutions-IAM5[Resource::*]",
      ],
      reason: "Session Manager's own channel; these actions know no resources.",
    },
    {
      stack: "database",
      at: ["Bastion/Host"],
      findings: ["AwsSolutions-EC28", "AwsSolutions-EC29"],
      reason: "Off by default, holds nothing, and is gone with the next deployment without -c bastion=true.",
    },
    {
      stack: "ingester",
      at: ["Cluster"],
      findings: ["AwsSolutions-ECS4"],
      reason: "The process writes its own metrics; Container Insights would be paid for the same again.",
    },
    {
      stack: "ingester",
      at: tasksOf(stage).map((task) => `${task}/Task`),
      findings: ["AwsSolutions-ECS2"],
      reason: "Settings without a secret among them: credentials are the task's role.",
    },
    {
      stack: "ingester",
      at: tasksOf(stage).map((task) => `${task}/Task/ExecutionRole`),
      findings: ["AwsSolutions-IAM5[Resource::*]"],
      reason: "ecr:GetAuthorizationToken knows no resource.",
    },
    {
      stack: "ingester",
      at: tasksOf(stage).map((task) => `${task}/Task/TaskRole`),
      findings: [largePacks, failedBatches],
      reason: "One action on the objects of one bucket, whose names are made while running.",
    },
    {
      stack: "indexer",
      at: appliesInProcess(stage) ? [] : ["IndexEventsRole"],
      findings: [largePacks, failedBatches],
      reason: "One action on the objects of one bucket, whose names are made while running.",
    },
    {
      stack: "indexer",
      at: stage.reduced ? [] : functionsOf(stage).map((name) => `${name}Role`),
      findings: ["AwsSolutions-IAM5[Resource::*]"],
      reason: "Network interfaces, which Lambda makes for the function: they have no names before they are there.",
    },
  ];
}

function valkeyAcknowledgements(stage: Stage): readonly Acknowledgement[] {
  if (stage.stream.kind !== "valkey") return [];
  return [
    {
      stack: "stream",
      at: ["Password"],
      findings: ["AwsSolutions-SMG4"],
      reason:
        "ElastiCache changes its password only together with who reads it: `docs/operating.md` says how, and the network lets nobody else near.",
    },
    {
      stack: "stream",
      at: ["Valkey"],
      findings: ["AwsSolutions-AEC5"],
      reason: "No route leads there from outside: another port would hide nothing and surprise every client.",
    },
    {
      stack: "stream",
      at: ["Valkey"],
      findings: stage.valkey.replicas > 0 ? [] : ["AwsSolutions-AEC4"],
      reason: "A node that is lost costs a longer replay from the relay: valkey.replicas doubles the price.",
    },
  ];
}

/** Puts each reason beside what it speaks of. */
export function acknowledgeFindings(stack: Stack, stage: Stage): void {
  for (const { stack: name, at, findings, reason } of acknowledgements(stage)) {
    if (stack.node.id !== resourceName(stage, name)) continue;
    for (const path of at) {
      const place = constructAt(stack, path);
      if (place !== undefined) Validations.of(place).acknowledge(...findings.map((id) => ({ id, reason })));
    }
  }
}

function constructAt(stack: Stack, path: string): IConstruct | undefined {
  return path.split("/").reduce((place: IConstruct | undefined, part) => place?.node.tryFindChild(part), stack);
}

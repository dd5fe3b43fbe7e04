/** What a stack sets is what the process's schema reads: each name, and a value that it takes. */
import { describe, expect, it } from "vitest";
import { PROCESSES, type ProcessName } from "../../lib/config/processes.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import { STAGES, type Stage } from "../../lib/infra/stage.ts";
import { builtStage } from "./support/built-app.ts";
import { VALKEY_STAGES } from "./support/valkey-stages.ts";

/** Read by Node itself. */
const NODES_OWN = ["NODE_OPTIONS", "NODE_EXTRA_CA_CERTS"];

interface Deployed {
  readonly process: ProcessName;
  readonly variables: Readonly<Record<string, string>>;
}

/** The command of a task, by the name of its service. */
const COMMANDS: Readonly<Record<string, ProcessName>> = { ingester: "ingest", poller: "poll", worker: "work" };

function deployedIn(stage: Stage): readonly Deployed[] {
  const built = builtStage(stage);
  const named = (name: unknown): ProcessName => {
    const process = String(name).replace(`standpipe-${stage.name}-`, "");
    return COMMANDS[process] ?? (process as ProcessName);
  };
  return built.stacks.flatMap((stack) => {
    const template = built.template(stack);
    const functions = Object.values(template.findResources("AWS::Lambda::Function")).flatMap(({ Properties }) =>
      Properties.FunctionName === undefined
        ? []
        : [
            {
              process: named(Properties.FunctionName),
              variables: resolved(Object.entries(Properties.Environment.Variables)),
            },
          ],
    );
    const tasks = Object.values(template.findResources("AWS::ECS::TaskDefinition")).map(({ Properties }) => {
      const listed = Properties.ContainerDefinitions[0].Environment as readonly { Name: string; Value: unknown }[];
      return { process: named(Properties.Family), variables: resolved(listed.map(({ Name, Value }) => [Name, Value])) };
    });
    return [...functions, ...tasks];
  });
}

/** What CloudFormation would put in: names of resources become a name, parts of an address stay in their place. */
function resolved(entries: readonly (readonly [string, unknown])[]): Readonly<Record<string, string>> {
  return Object.fromEntries(entries.map(([name, value]) => [name, textOf(value)]));
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if ((value as { readonly Ref?: string }).Ref === "AWS::Region") return "eu-central-1";
  const join = (value as { readonly "Fn::Join"?: readonly [string, readonly unknown[]] })["Fn::Join"];
  return join === undefined ? "some-name" : join[1].map(textOf).join(join[0]);
}

const FUNCTIONS = ["migrate", "index-events", "freshness"];

describe.each<[string, Stage, readonly string[]]>([
  ["production", STAGES.production, ["ingest", "operations", ...FUNCTIONS]],
  ["localstack", STAGES.localstack, FUNCTIONS],
  ["production with Valkey", VALKEY_STAGES.production, ["ingest", "operations", "poll", ...FUNCTIONS]],
  [
    "production with Valkey, in process",
    VALKEY_STAGES["production in process"],
    ["ingest", "operations", "work", "migrate", "freshness"],
  ],
])("%s", (_, stage, expected) => {
  const deployed = deployedIn(stage);

  it("has every process", () => {
    expect(deployed.map(({ process }) => process)).toEqual(expected);
  });

  it.each(deployed)("$process reads every name that is set", ({ process, variables }) => {
    const read = Object.keys(PROCESSES[process].shape);
    expect(Object.keys(variables).filter((name) => !read.includes(name) && !NODES_OWN.includes(name))).toEqual([]);
  });

  it.each(deployed)("$process takes the values", ({ process, variables }) => {
    expect(() => readSettings(process, variables)).not.toThrow();
  });

  it("tells each task its region: Fargate's own is no promise", () => {
    const tasks = deployed.filter(({ process }) => ["ingest", "operations", "poll", "work"].includes(process));
    expect(tasks.map(({ variables }) => variables.AWS_REGION)).toEqual(tasks.map(() => "eu-central-1"));
  });

  it("sets no password", () => {
    const values = deployed.flatMap(({ variables }) => Object.values(variables));
    expect(values.filter((value) => /:\/\/[^/]*:[^/]*@/.test(value))).toEqual([]);
    expect(
      deployed.flatMap(({ variables }) => Object.keys(variables)).filter((name) => /PASSWORD|TOKEN/.test(name)),
    ).toEqual([]);
  });
});

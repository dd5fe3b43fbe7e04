/** No right is wider than it has to be, over all templates: what has no ARN is in a list, with its reason. And no template, setting or log holds a secret. */
import type { Template } from "aws-cdk-lib/assertions";
import { describe, expect, it } from "vitest";
import { STAGES, type Stage } from "../../lib/infra/stage.ts";
import { builtStage } from "./support/built-app.ts";
import { VALKEY_STAGES } from "./support/valkey-stages.ts";

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
  readonly Principal?: unknown;
}

/** A right on everything, or a policy of AWS: who has it, where its id begins so, and why. */
interface Exception {
  readonly role: RegExp;
  /** Actions, or names of policies of AWS. */
  readonly allows: readonly string[];
  readonly reason: string;
}

const INTERFACES = [
  "ec2:AssignPrivateIpAddresses",
  "ec2:CreateNetworkInterface",
  "ec2:DeleteNetworkInterface",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSubnets",
  "ec2:UnassignPrivateIpAddresses",
];

const EXCEPTIONS: readonly Exception[] = [
  {
    role: /^(Migrate|IndexEvents|Freshness)RoleDefaultPolicy/,
    allows: INTERFACES,
    reason: "Lambda's own, for its network interfaces: they have no ARN before they are there, and Describe knows none",
  },
  {
    role: /^(Ingester|Operations|StreamReader)TaskExecutionRoleDefaultPolicy/,
    allows: ["ecr:GetAuthorizationToken"],
    reason: "knows no resource (service authorization reference of ECR)",
  },
  {
    role: /^BastionHostInstanceRoleDefaultPolicy/,
    allows: ["ec2messages:*", "ssm:UpdateInstanceInformation", "ssmmessages:*"],
    reason: "Session Manager's own channel; not there without -c bastion=true",
  },
  {
    role: /^AWSCDKTriggerCustomResourceProviderCustomResourceProviderRole/,
    allows: ["AWSLambdaBasicExecutionRole"],
    reason: "of CDK's function that calls the migration, whose role cannot be given",
  },
];

interface Right {
  readonly id: string;
  readonly what: string;
}

/** Stack and template of a stage, with everything that can be asked for. */
function templatesOf(stage: Stage): readonly (readonly [string, Template])[] {
  const { stacks, template } = builtStage(stage, { bastion: "true" });
  return stacks.map((stack) => [stack, template(stack)]);
}

const ALL: readonly (readonly [string, Stage])[] = [
  ...Object.entries(STAGES),
  ...Object.entries(VALKEY_STAGES).map(([name, stage]) => [`${name} with Valkey`, stage] as const),
];

function resourcesOf(template: Template): readonly (readonly [string, string, Readonly<Record<string, unknown>>])[] {
  const { Resources } = template.toJSON() as {
    readonly Resources: Readonly<
      Record<string, { readonly Type: string; readonly Properties?: Readonly<Record<string, unknown>> }>
    >;
  };
  return Object.entries(Resources).map(([id, { Type, Properties = {} }]) => [id, Type, Properties]);
}

/** Whatever allows something: policies of their own, and those within a role. */
function statementsOf(properties: Readonly<Record<string, unknown>>): readonly Statement[] {
  const { PolicyDocument: own, Policies: within = [] } = properties as {
    readonly PolicyDocument?: { readonly Statement: readonly Statement[] };
    readonly Policies?: readonly { readonly PolicyDocument: { readonly Statement: readonly Statement[] } }[];
  };
  return [...(own?.Statement ?? []), ...within.flatMap(({ PolicyDocument }) => PolicyDocument.Statement)];
}

/** Actions on `*`, actions that are patterns, and policies of AWS, whose resources are `*`. */
function wideRights(template: Template): readonly Right[] {
  return resourcesOf(template).flatMap(([id, , properties]) => {
    const allowed = statementsOf(properties).filter(({ Effect }) => Effect === "Allow");
    const actions = allowed.flatMap(({ Action, Resource }) => {
      const isWide = [Resource].flat().includes("*");
      return [Action].flat().filter((action) => isWide || action.includes("*"));
    });
    const managed = ((properties["ManagedPolicyArns"] as readonly unknown[] | undefined) ?? []).map(
      (arn) => /(\w+)"[\]}]*$/.exec(JSON.stringify(arn))?.[1] ?? JSON.stringify(arn),
    );
    return [...actions, ...managed].map((what) => ({ id, what }));
  });
}

function isExcepted({ id, what }: Right): boolean {
  return EXCEPTIONS.some(({ role, allows }) => role.test(id) && allows.includes(what));
}

describe.each(ALL)("the rights in %s", (_, stage) => {
  const templates = templatesOf(stage);

  it("are on what they are for, or have their reason here", () => {
    const rights = templates.flatMap(([, template]) => wideRights(template));
    expect(rights.filter((right) => !isExcepted(right))).toEqual([]);
    // It looks where there is something to be found.
    expect(rights.length).toBeGreaterThan(0);
  });

  it("are given to no stranger", () => {
    const given = templates.flatMap(([, template]) =>
      resourcesOf(template).flatMap(([id, , properties]) =>
        statementsOf(properties).flatMap(({ Effect, Principal }) =>
          Effect === "Allow" && JSON.stringify(Principal ?? "").includes('"*"') ? [id] : [],
        ),
      ),
    );
    expect(given).toEqual([]);
  });

  it("hold no secret, and no template does", () => {
    const text = JSON.stringify(templates.map(([, template]) => template.toJSON() as unknown))
      // ElastiCache takes its password by a reference that CloudFormation follows; valkey-stacks.test.ts counts them.
      .replace(/"AuthToken":\{"Fn::Join":\["",\["\{\{resolve:secretsmanager:/g, "");
    // A reference to a secret's value, a password in an address, an access key, a private key, a token of GitHub or npm.
    const secret = /\{\{resolve:|:\/\/[^/@"\s]+:[^@/"\s]+@|AKIA[0-9A-Z]{16}|PRIVATE KEY|gh[ps]_\w{20}|npm_\w{20}/;
    expect(secret.exec(text)?.[0]).toBeUndefined();
    expect(text.length).toBeGreaterThan(10_000);
  });
});

it("every exception is there because of something", () => {
  const all = ALL.flatMap(([, stage]) => templatesOf(stage).flatMap(([, template]) => wideRights(template)));
  const idle = EXCEPTIONS.filter(({ role, allows }) =>
    allows.some((what) => !all.some((right) => role.test(right.id) && right.what === what)),
  );
  expect(idle).toEqual([]);
});

it("the code of a function may not do what Lambda does for it", () => {
  const denied = resourcesOf(builtStage(STAGES.production).template("indexer")).flatMap(([, , properties]) =>
    statementsOf(properties).filter(({ Effect }) => Effect === "Deny"),
  );
  expect(denied.map(({ Action }) => Action)).toEqual([INTERFACES, INTERFACES, INTERFACES]);
  expect(JSON.stringify(denied)).toContain(":function:standpipe-production-index-events");
});

/** The promises of a stage whose stream is Valkey, one assertion each, on the templates that would be deployed. */
import type { Template } from "aws-cdk-lib/assertions";
import { Match } from "aws-cdk-lib/assertions";
import { describe, expect, it } from "vitest";
import { buildApp } from "../../lib/infra/build-app.ts";
import { cdkFlags } from "../../lib/infra/cdk-flags.ts";
import { acknowledgements } from "../../lib/infra/nag-acknowledgements.ts";
import { STAGES, StageError } from "../../lib/infra/stage.ts";
import { streamRoom } from "../../lib/infra/valkey-room.ts";
import { projectRoot } from "../support/project-root.ts";
import { builtStage } from "./support/built-app.ts";
import { VALKEY_STAGES, withValkey } from "./support/valkey-stages.ts";

const production = builtStage(VALKEY_STAGES.production);
const inProcess = builtStage(VALKEY_STAGES["production in process"]);
const stream = production.template("stream");
const network = production.template("network");
const ingester = production.template("ingester");
const indexer = production.template("indexer");

type Properties = Readonly<Record<string, unknown>>;

function propertiesOf(template: Template, type: string): readonly Properties[] {
  return Object.values(template.findResources(type)).map(({ Properties }) => Properties as Properties);
}

/** Settings of a task, by its family; what is known on AWS only is its JSON. */
function settingsOf(template: Template, family: string): Readonly<Record<string, string>> {
  const task = propertiesOf(template, "AWS::ECS::TaskDefinition").find(({ Family }) => Family === family);
  const [container] = (task?.["ContainerDefinitions"] ?? []) as readonly {
    readonly Environment: readonly { readonly Name: string; readonly Value: unknown }[];
  }[];
  return Object.fromEntries(
    (container?.Environment ?? []).map(({ Name, Value }) => [
      Name,
      typeof Value === "string" ? Value : JSON.stringify(Value),
    ]),
  );
}

describe.each(Object.entries(VALKEY_STAGES))("%s with Valkey", (_, stage) => {
  const built = builtStage(stage);

  it("has the same six stacks, and no Kinesis in any of them", () => {
    expect(built.stacks).toEqual(["network", "stream", "database", "ingester", "indexer", "monitoring"]);
    const types = built.stacks.flatMap((name) =>
      Object.values((built.template(name).toJSON() as { Resources: Record<string, { Type: string }> }).Resources).map(
        ({ Type }) => Type,
      ),
    );
    expect(types.filter((type) => /Kinesis|EventSourceMapping/.test(type))).toEqual([]);
    expect(types.filter((type) => type === "AWS::ElastiCache::ReplicationGroup")).toHaveLength(1);
  });

  it("synthesises without a finding of cdk-nag that has no reason, and each reason has its place", () => {
    expect(() => built.app.synth()).not.toThrow();
    const missing = acknowledgements(stage).flatMap(({ stack, at }) =>
      at.filter((path) => {
        const parts = [`standpipe-${stage.name}-${stack}`, ...path.split("/")];
        const place = parts.reduce<typeof built.app.node | undefined>(
          (node, part) => node?.tryFindChild(part)?.node,
          built.app.node,
        );
        return place === undefined && !path.startsWith("Bastion");
      }),
    );
    expect(missing).toEqual([]);
  });

  it("has the password in no template: the one reference to it is ElastiCache's own", () => {
    const templates = built.stacks.map((name) => JSON.stringify(built.template(name).toJSON()));
    const references = templates.flatMap((text) => text.match(/\{\{resolve:/g) ?? []);
    expect(references).toHaveLength(1);
    const [group] = propertiesOf(built.template("stream"), "AWS::ElastiCache::ReplicationGroup");
    expect(JSON.stringify(group?.["AuthToken"])).toMatch(/\{\{resolve:secretsmanager:.*:SecretString:password::\}\}/);
    expect(templates.filter((text) => /rediss:\/\/[^"]*@/.test(text))).toEqual([]);
  });
});

describe("the stream", () => {
  it("is Valkey over TLS only, with a password, encrypted, without cluster mode", () => {
    stream.hasResourceProperties("AWS::ElastiCache::ReplicationGroup", {
      Engine: "valkey",
      ReplicationGroupId: "standpipe-production-events",
      ClusterMode: "disabled",
      NumNodeGroups: Match.absent(),
      TransitEncryptionEnabled: true,
      TransitEncryptionMode: "required",
      AtRestEncryptionEnabled: true,
      AuthToken: Match.anyValue(),
      SnapshotRetentionLimit: 0,
    });
  });

  it("never throws away what nobody has read", () => {
    stream.hasResourceProperties("AWS::ElastiCache::ParameterGroup", {
      CacheParameterGroupFamily: "valkey8",
      Properties: { "maxmemory-policy": "noeviction", "reserved-memory-percent": "25" },
    });
  });

  it("has a replica in another zone in production, which takes over by itself, and none in development", () => {
    stream.hasResourceProperties("AWS::ElastiCache::ReplicationGroup", {
      CacheNodeType: "cache.t4g.small",
      NumCacheClusters: 2,
      AutomaticFailoverEnabled: true,
      MultiAZEnabled: true,
    });
    builtStage(VALKEY_STAGES.development)
      .template("stream")
      .hasResourceProperties("AWS::ElastiCache::ReplicationGroup", {
        CacheNodeType: "cache.t4g.micro",
        NumCacheClusters: 1,
        AutomaticFailoverEnabled: false,
        MultiAZEnabled: false,
      });
  });

  it("is in the isolated subnets, and lets in the ingester, its reader and people's own clients", () => {
    const [subnets] = propertiesOf(stream, "AWS::ElastiCache::SubnetGroup");
    const ids = JSON.stringify(subnets?.["SubnetIds"]);
    expect(ids).toContain("isolated");
    expect(ids).not.toContain("public");
    const rules = propertiesOf(stream, "AWS::EC2::SecurityGroupIngress").map(
      ({ FromPort, ToPort, SourceSecurityGroupId }) => [
        FromPort,
        ToPort,
        /(\w+?)SecurityGroup/.exec(JSON.stringify(SourceSecurityGroupId))?.[1]?.replace("ExportsOutputFnGetAtt", ""),
      ],
    );
    expect(rules).toEqual([
      [6379, 6379, "Ingester"],
      [6379, 6379, "Poller"],
      [6379, 6379, "Reader"],
    ]);
    const [group] = propertiesOf(stream, "AWS::EC2::SecurityGroup");
    expect(group?.["SecurityGroupEgress"]).toMatchObject([{ CidrIp: "127.0.0.1/32" }]);
  });

  it("has a password of letters and digits that Secrets Manager makes", () => {
    stream.hasResourceProperties("AWS::SecretsManager::Secret", {
      GenerateSecretString: { ExcludePunctuation: true, PasswordLength: 64, GenerateStringKey: "password" },
    });
  });

  it("keeps the table and the bucket of large packs, under the ids that they have with Kinesis", () => {
    const kinesis = builtStage(STAGES.production).template("stream");
    for (const type of ["AWS::DynamoDB::Table", "AWS::S3::Bucket"]) {
      const ids = Object.keys(stream.findResources(type));
      expect(ids).toHaveLength(1);
      expect(Object.keys(kinesis.findResources(type))).toEqual(expect.arrayContaining(ids));
    }
  });
});

describe("the ingester", () => {
  const settings = settingsOf(ingester, "standpipe-production-ingester");

  it("writes packs into it, as many as its memory holds, and asks the table how far all is applied", () => {
    expect(settings).toMatchObject({
      STREAM: "redis",
      REDIS_FORMAT: "packs",
      REDIS_STREAM_KEY: "standpipe-production-events",
      REDIS_MAX_STREAM_LEN: String(streamRoom("t4g.small")?.events),
      REDIS_URL: expect.stringContaining("rediss://"),
      REDIS_SECRET_ARN: expect.any(String),
      DYNAMODB_TABLE_NAME: expect.any(String),
    });
    expect(settings).not.toHaveProperty("STANDBY");
    expect(settings).not.toHaveProperty("DATABASE_URL");
  });

  it("begins live on its first start, which otherwise nobody could tell it", () => {
    ingester.hasResourceProperties("AWS::ECS::TaskDefinition", {
      Family: "standpipe-production-ingester",
      ContainerDefinitions: [Match.objectLike({ Command: ["ingester/main.ts", "--from", "live"] })],
    });
  });

  it("starts after who reads the stream, which has copied to the table by then how far all is applied", () => {
    const services = ingester.findResources("AWS::ECS::Service");
    const [reader] = Object.entries(services).flatMap(([id, { Properties }]) =>
      Properties.ServiceName === "standpipe-production-poller" ? [id] : [],
    );
    const [own] = Object.values(services).filter(
      ({ Properties }) => Properties.ServiceName === "standpipe-production-ingester",
    );
    expect(own?.DependsOn).toContain(reader);
  });

  it("may read its password and look into the table, and nothing else", () => {
    expect(rightsOf(ingester, "IngesterTaskTaskRole")).toEqual([
      "dynamodb:GetItem on CursorTable",
      "secretsmanager:DescribeSecret on Password",
      "secretsmanager:GetSecretValue on Password",
    ]);
  });
});

describe("the reader of the stream", () => {
  const settings = settingsOf(ingester, "standpipe-production-poller");

  it("is a service of the same image that runs poll, on ARM64 with nothing to write to, no root, no capability", () => {
    const images = propertiesOf(ingester, "AWS::ECS::TaskDefinition").map(({ ContainerDefinitions }) =>
      JSON.stringify((ContainerDefinitions as readonly { readonly Image: unknown }[])[0]?.Image),
    );
    expect(new Set(images).size).toBe(1);
    ingester.hasResourceProperties("AWS::ECS::TaskDefinition", {
      Family: "standpipe-production-poller",
      RuntimePlatform: { CpuArchitecture: "ARM64", OperatingSystemFamily: "LINUX" },
      ContainerDefinitions: [
        Match.objectLike({
          EntryPoint: ["node", "bin/standpipe.ts"],
          Command: ["poll"],
          ReadonlyRootFilesystem: true,
          User: "1000:1000",
          LinuxParameters: { Capabilities: { Drop: ["ALL"] }, InitProcessEnabled: true },
          HealthCheck: Match.objectLike({ Command: Match.arrayWith([Match.stringLikeRegexp("/health")]) }),
        }),
      ],
    });
  });

  it("starts the next one before the last one stops, since lanes are leases", () => {
    ingester.hasResourceProperties("AWS::ECS::Service", {
      ServiceName: "standpipe-production-poller",
      DesiredCount: 1,
      DeploymentConfiguration: Match.objectLike({ MinimumHealthyPercent: 100, MaximumPercent: 200 }),
    });
  });

  it("calls the function of the stage, with the values that Lambda's own reading would have", () => {
    const [fn] = propertiesOf(indexer, "AWS::Lambda::Function").filter(({ FunctionName }) =>
      String(FunctionName).endsWith("-index-events"),
    );
    expect(settings).toMatchObject({
      INDEXER_FUNCTION: fn?.["FunctionName"],
      INDEXER_TIMEOUT_SECONDS: String(fn?.["Timeout"]),
      BATCH_PACKS: "100",
      BATCHING_WINDOW_MS: "5000",
      EVENT_SOURCE_ARN: expect.stringContaining(":replicationgroup:standpipe-production-events"),
    });
  });

  it("comes in at the proxy with a token, reads the same stream, and copies to the same table", () => {
    const theirs = settingsOf(ingester, "standpipe-production-ingester");
    for (const name of [
      "REDIS_URL",
      "REDIS_SECRET_ARN",
      "REDIS_STREAM_KEY",
      "REDIS_FORMAT",
      "LANES",
      "RELAY_URL",
      "DYNAMODB_TABLE_NAME",
    ]) {
      expect([name, settings[name]]).toEqual([name, theirs[name]]);
    }
    expect(settings).toMatchObject({ DATABASE_AUTH: "iam", DATABASE_URL: expect.stringContaining("indexer@") });
  });

  it("may call that function, come in as indexer, read its password, put large packs, write the table, and nothing else", () => {
    expect(rightsOf(ingester, "StreamReaderTaskTaskRole")).toEqual([
      "dynamodb:PutItem on CursorTable",
      "lambda:InvokeFunction on function:standpipe-production-index-events",
      "rds-db:connect on indexer",
      "s3:PutObject on LargePacks/*",
      "secretsmanager:DescribeSecret on Password",
      "secretsmanager:GetSecretValue on Password",
    ]);
  });

  it("has an address of its own and lets nothing in", () => {
    ingester.hasResourceProperties("AWS::ECS::Service", {
      ServiceName: "standpipe-production-poller",
      NetworkConfiguration: { AwsvpcConfiguration: Match.objectLike({ AssignPublicIp: "ENABLED" }) },
    });
    const rules = propertiesOf(network, "AWS::EC2::SecurityGroupIngress");
    expect(rules.filter((rule) => JSON.stringify(rule).includes('"PollerSecurityGroup'))).toEqual([]);
    network.resourceCountIs("AWS::EC2::NatGateway", 0);
  });
});

describe("the function", () => {
  it("is called by nobody but the poller, and reads large packs as ever", () => {
    indexer.resourceCountIs("AWS::Lambda::EventSourceMapping", 0);
    expect(rightsOf(indexer, "IndexEventsRole").filter((right) => right.startsWith("s3:"))).toEqual([
      "s3:GetObject on LargePacks/*",
      "s3:ListBucket on LargePacks",
    ]);
  });

  it("is deployed before who writes packs and who calls it", () => {
    const { dependencies } = production.app.synth().getStackByName("standpipe-production-ingester");
    expect(dependencies.map(({ id }) => id)).toContain("standpipe-production-indexer");
  });
});

describe("indexing in process", () => {
  const template = inProcess.template("ingester");

  it("is a service that runs work, which comes in with a token and applies what the stage keeps", () => {
    template.hasResourceProperties("AWS::ECS::TaskDefinition", {
      Family: "standpipe-production-worker",
      ContainerDefinitions: [Match.objectLike({ Command: ["work"] })],
    });
    expect(settingsOf(template, "standpipe-production-worker")).toMatchObject({
      STREAM: "redis",
      REDIS_FORMAT: "packs",
      COLLECTIONS: "*",
      DATABASE_AUTH: "iam",
    });
  });

  it("has no function for it, and no right to call one", () => {
    const names = propertiesOf(inProcess.template("indexer"), "AWS::Lambda::Function").flatMap(
      ({ FunctionName }) => FunctionName ?? [],
    );
    expect(names).toEqual(["standpipe-production-migrate", "standpipe-production-freshness"]);
    expect(rightsOf(template, "StreamReaderTaskTaskRole").map((right) => right.split(" ")[0])).toEqual([
      "dynamodb:PutItem",
      "rds-db:connect",
      "secretsmanager:DescribeSecret",
      "secretsmanager:GetSecretValue",
    ]);
  });
});

describe("-c stream", () => {
  const stacksWith = (context: Readonly<Record<string, string>>): readonly string[] =>
    buildApp({
      root: projectRoot,
      context: { ...cdkFlags(), ...context, "aws:cdk:bundling-stacks": [] },
    }).node.children.map(({ node }) => node.id);

  it("takes valkey for each stage that can have it, and for the one that is named", () => {
    const all = stacksWith({ stream: "valkey" });
    expect(all.filter((id) => id.startsWith("standpipe-localstack"))).toEqual([]);
    expect(all).toContain("standpipe-development-stream");
    expect(stacksWith({ stream: "valkey", stage: "development" })).toHaveLength(6);
  });

  it("is refused where it can be nothing, with the reason", () => {
    expect(() => stacksWith({ stream: "redis" })).toThrow(new StageError("-c stream=redis: must be kinesis or valkey"));
    expect(() => stacksWith({ stream: "valkey", stage: "localstack" })).toThrow(
      "LocalStack's free tier has no ElastiCache",
    );
  });

  it.each([
    [{ node: "x9z.huge" }, "valkey.node x9z.huge: must be one of t4g.micro, "],
    [{ replicas: 6 }, "valkey.replicas 6: must be a whole number from 0 to 5"],
    [{ readers: 9 }, "valkey.readers 9: must be from 1 to 8, the lanes"],
    [{ cpuUnits: 256, memoryMiB: 4096 }, "memoryMiB 4096 with cpuUnits 256"],
  ])("a stage with %j is refused", (valkey, reason) => {
    expect(() => builtStage(withValkey(STAGES.production, valkey))).toThrow(reason);
  });

  it("a standby of the ingester is refused: two would end each other", () => {
    const standby = { ...STAGES.production, ingester: { ...STAGES.production.ingester, standby: true } };
    expect(() => builtStage(withValkey(standby))).toThrow("standby: true needs stream kinesis");
  });
});

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

/** What a role may do and where, in one line each, sorted; what Lambda and ECS do for it is left out. */
function rightsOf(template: Template, role: string): readonly string[] {
  const statements = propertiesOf(template, "AWS::IAM::Policy")
    .filter(({ Roles }) => JSON.stringify(Roles).includes(role))
    .flatMap(({ PolicyDocument }) => (PolicyDocument as { readonly Statement: readonly Statement[] }).Statement)
    .filter(({ Effect }) => Effect === "Allow");
  const rights = statements.flatMap(({ Action, Resource }) =>
    [Action].flat().map((action) => `${action} on ${placeOf(Resource)}`),
  );
  return [...new Set(rights)].toSorted();
}

function placeOf(resource: unknown): string {
  const text = JSON.stringify(resource);
  const user = /"\/(\w+)"\]/.exec(text)?.[1];
  const fn = /(function:[\w-]+)"/.exec(text)?.[1];
  const name = /ExportsOutput(?:FnGetAtt|Ref)(CursorTable|LargePacks|Password)/.exec(text)?.[1] ?? text;
  return fn ?? user ?? `${name}${text.includes("/*") ? "/*" : ""}`;
}

/** The promises of each stack, one assertion each, on the templates that would be deployed. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Match } from "aws-cdk-lib/assertions";
import { describe, expect, it } from "vitest";
import { STOP_BEFORE_END_MS } from "../../functions/index-events/create-handler.ts";
import { STAGES } from "../../lib/infra/stage.ts";
import { projectRoot } from "../support/project-root.ts";
import { builtStage } from "./support/built-app.ts";

const production = builtStage(STAGES.production);
const development = builtStage(STAGES.development);
const network = production.template("network");
const stream = production.template("stream");
const database = production.template("database");
const ingester = production.template("ingester");
const indexer = production.template("indexer");

/** Properties of all resources of a type. */
function propertiesOf(template: typeof network, type: string): readonly Record<string, never>[] {
  return Object.values(template.findResources(type)).map(({ Properties }) => Properties as Record<string, never>);
}

describe("network", () => {
  it("has a public and an isolated subnet in each of two zones", () => {
    const subnets = propertiesOf(network, "AWS::EC2::Subnet");
    expect(subnets.map(({ MapPublicIpOnLaunch }) => MapPublicIpOnLaunch)).toEqual([true, true, false, false]);
    expect(new Set(subnets.map(({ AvailabilityZone }) => JSON.stringify(AvailabilityZone))).size).toBe(2);
  });

  it("is in the zones that the stage names: not every zone has RDS Proxy", () => {
    const template = builtStage({ ...STAGES.production, zones: ["us-east-1b", "us-east-1d"] }).template("network");
    const zones = propertiesOf(template, "AWS::EC2::Subnet").map(({ AvailabilityZone }) => AvailabilityZone);
    expect(zones).toEqual(["us-east-1b", "us-east-1d", "us-east-1b", "us-east-1d"]);
  });

  it("has no NAT gateway, and isolated subnets have no way to the internet", () => {
    network.resourceCountIs("AWS::EC2::NatGateway", 0);
    network.resourcePropertiesCountIs("AWS::EC2::Route", { DestinationCidrBlock: "0.0.0.0/0" }, 2);
  });

  it("reaches S3 and DynamoDB through gateway endpoints, Secrets Manager through the only interface endpoint", () => {
    const services = propertiesOf(network, "AWS::EC2::VPCEndpoint").map(
      ({ VpcEndpointType, ServiceName, SubnetIds }) =>
        [VpcEndpointType, JSON.stringify(ServiceName), (SubnetIds as readonly unknown[] | undefined)?.length] as const,
    );
    expect(services).toEqual([
      ["Gateway", expect.stringContaining(".s3"), undefined],
      ["Gateway", expect.stringContaining(".dynamodb"), undefined],
      ["Interface", expect.stringContaining(".secretsmanager"), 1],
    ]);
  });

  it("lets nothing in from outside", () => {
    const rules = [network, database].flatMap((template) => [
      ...propertiesOf(template, "AWS::EC2::SecurityGroupIngress"),
      ...propertiesOf(template, "AWS::EC2::SecurityGroup").flatMap(
        ({ SecurityGroupIngress }) => (SecurityGroupIngress as readonly Record<string, never>[] | undefined) ?? [],
      ),
    ]);
    expect(rules.length).toBeGreaterThan(5);
    expect(rules.filter(({ CidrIp, CidrIpv6 }) => CidrIp !== undefined || CidrIpv6 !== undefined)).toEqual([]);
  });
});

describe("security groups", () => {
  interface Rule {
    readonly IpProtocol: string;
    readonly CidrIp: string;
    readonly FromPort: number;
  }
  const groups = [network, database].flatMap((template) =>
    propertiesOf(template, "AWS::EC2::SecurityGroup").map(
      ({ GroupName, SecurityGroupEgress }) =>
        [
          String(GroupName).replace("standpipe-production-", ""),
          SecurityGroupEgress as readonly Rule[] | undefined,
        ] as const,
    ),
  );

  it("have a rule of their own for what goes out: without one EC2 keeps that which lets out everything", () => {
    expect(groups.length).toBe(8);
    expect(groups.filter(([, out]) => out === undefined || out.length === 0)).toEqual([]);
  });

  it("let everything out only where the relay is read and commands run", () => {
    const open = groups.filter(([, out = []]) => out.some(({ IpProtocol }) => IpProtocol === "-1"));
    expect(open.map(([name]) => name)).toEqual(["ingester", "operations"]);
    const toAnywhere = groups.flatMap(([name, out = []]) =>
      out.flatMap(({ CidrIp, FromPort }) => (CidrIp === "0.0.0.0/0" && FromPort > 0 ? [[name, FromPort]] : [])),
    );
    // S3 has no group that one could name, and the subnets no way beyond it.
    expect(toAnywhere).toEqual([["indexer", 443]]);
  });

  it("let each client reach the proxy, and the proxy the database", () => {
    const ways = [network, database].flatMap((template) =>
      propertiesOf(template, "AWS::EC2::SecurityGroupEgress").map(({ GroupId, DestinationSecurityGroupId }) =>
        [GroupId, DestinationSecurityGroupId]
          .map((id) => /(\w+?)SecurityGroup/.exec(JSON.stringify(id))?.[1])
          .join(" "),
      ),
    );
    expect(new Set(ways.map((way) => way.replaceAll("ExportsOutputFnGetAtt", "")))).toEqual(
      new Set(["Migrate SecretsEndpoint", "Migrate Database", "Indexer Proxy", "Reader Proxy", "Proxy Database"]),
    );
  });
});

describe("stream", () => {
  it("is two provisioned shards that keep 48 encrypted hours", () => {
    stream.hasResourceProperties("AWS::Kinesis::Stream", {
      ShardCount: 2,
      StreamModeDetails: { StreamMode: "PROVISIONED" },
      RetentionPeriodHours: 48,
      StreamEncryption: { EncryptionType: "KMS" },
    });
  });

  it("keeps the cursor in a table with the key that the checkpoint writes", () => {
    stream.hasResourceProperties("AWS::DynamoDB::Table", {
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      BillingMode: "PAY_PER_REQUEST",
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    });
  });

  it("never deletes a batch that nobody applied, and keeps for a year the large packs that it names", () => {
    const ends = propertiesOf(stream, "AWS::S3::Bucket").map(({ LifecycleConfiguration }) =>
      (
        LifecycleConfiguration as unknown as { readonly Rules: readonly { readonly ExpirationInDays?: number }[] }
      ).Rules.map(({ ExpirationInDays }) => ExpirationInDays ?? "never"),
    );
    expect(ends).toEqual([[365], ["never"]]);
  });

  it("has two private, encrypted buckets that speak TLS only", () => {
    stream.resourcePropertiesCountIs(
      "AWS::S3::Bucket",
      {
        BucketEncryption: Match.anyValue(),
        PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
      },
      2,
    );
    const policies = propertiesOf(stream, "AWS::S3::BucketPolicy").map((policy) => JSON.stringify(policy));
    expect(policies.filter((policy) => policy.includes('{"aws:SecureTransport":"false"}'))).toHaveLength(2);
  });
});

describe("database", () => {
  it("is PostgreSQL on encrypted, growing gp3, in isolated subnets, never public", () => {
    database.hasResourceProperties("AWS::RDS::DBInstance", {
      Engine: "postgres",
      EngineVersion: Match.stringLikeRegexp(String.raw`^17\.`),
      StorageType: "gp3",
      StorageEncrypted: true,
      AllocatedStorage: "50",
      MaxAllocatedStorage: 6000,
      PubliclyAccessible: false,
      EnableIAMDatabaseAuthentication: true,
    });
  });

  it("is backed up and cannot be deleted in production, and leaves nothing in development", () => {
    database.hasResource("AWS::RDS::DBInstance", {
      Properties: { BackupRetentionPeriod: 3, DeletionProtection: true },
      DeletionPolicy: "Snapshot",
    });
    development.template("database").hasResource("AWS::RDS::DBInstance", {
      Properties: { BackupRetentionPeriod: 1, DeletionProtection: false },
      DeletionPolicy: "Delete",
    });
  });

  it("lets a major of PostgreSQL be deployed", () => {
    database.hasResourceProperties("AWS::RDS::DBInstance", { AllowMajorVersionUpgrade: true });
  });

  it("leaves the owner's password to RDS: none is in the template", () => {
    database.hasResourceProperties("AWS::RDS::DBInstance", {
      ManageMasterUserPassword: true,
      MasterUserPassword: Match.absent(),
    });
    database.resourceCountIs("AWS::SecretsManager::Secret", 0);
  });

  it("cuts a statement of the indexer before the function's own end, and waits for a connection for less", () => {
    const sql = readFileSync(join(projectRoot, "lib/store/migrations/0005_roles.sql"), "utf8");
    const seconds = Number(/'indexer', '[^']+', '(\d+)s'/.exec(sql)?.[1]);
    const [borrow = 0] = propertiesOf(database, "AWS::RDS::DBProxyTargetGroup").map(
      ({ ConnectionPoolConfigurationInfo }) =>
        (ConnectionPoolConfigurationInfo as unknown as { readonly ConnectionBorrowTimeout: number })
          .ConnectionBorrowTimeout,
    );
    expect(borrow).toBeGreaterThan(0);
    for (const { indexer: settings } of Object.values(STAGES)) {
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThan(settings.timeoutSeconds);
      expect(borrow * 1000).toBeLessThan(settings.timeoutSeconds * 1000 - STOP_BEFORE_END_MS);
    }
  });

  it("has a proxy that wants TLS and tokens on both sides", () => {
    database.hasResourceProperties("AWS::RDS::DBProxy", {
      RequireTLS: true,
      DefaultAuthScheme: "IAM_AUTH",
      Auth: Match.absent(),
      EngineFamily: "POSTGRESQL",
    });
    database.hasResourceProperties("AWS::RDS::DBParameterGroup", { Parameters: { "rds.force_ssl": "1" } });
  });

  it("lets the proxy in as indexer and reader, and as nobody else", () => {
    const policies = JSON.stringify(propertiesOf(database, "AWS::IAM::Policy"));
    expect(policies).toContain(`"Action":"rds-db:connect"`);
    expect(Array.from(policies.matchAll(/"\/(\w+)"\]/g), ([, user]) => user)).toEqual(["indexer", "reader"]);
  });
});

describe("ingester", () => {
  const service = propertiesOf(ingester, "AWS::ECS::Service")[0];
  const tasks = propertiesOf(ingester, "AWS::ECS::TaskDefinition");

  it("is one task that stops before the next starts, and goes back where that fails", () => {
    expect(service).toMatchObject({
      DesiredCount: 1,
      LaunchType: "FARGATE",
      AvailabilityZoneRebalancing: "DISABLED",
      DeploymentConfiguration: {
        MinimumHealthyPercent: 0,
        MaximumPercent: 100,
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
      },
    });
  });

  it("is two tasks with a standby, one of which goes at a time", () => {
    const stage = { ...STAGES.production, ingester: { ...STAGES.production.ingester, standby: true } };
    const template = builtStage(stage).template("ingester");
    template.hasResourceProperties("AWS::ECS::Service", {
      DesiredCount: 2,
      DeploymentConfiguration: Match.objectLike({ MinimumHealthyPercent: 50, MaximumPercent: 100 }),
    });
    expect(JSON.stringify(template.toJSON())).toContain('{"Name":"STANDBY","Value":"true"}');
  });

  it("keeps the collections that the stage names", () => {
    const stage = { ...STAGES.production, collections: ["app.bsky.feed.*", "app.bsky.graph.follow"] };
    expect(JSON.stringify(builtStage(stage).template("ingester").toJSON())).toContain(
      '{"Name":"COLLECTIONS","Value":"app.bsky.feed.*,app.bsky.graph.follow"}',
    );
  });

  it.each(["ingester", "operations"])("%s runs on ARM64 with nothing to write to, no root, no capability", (name) => {
    const task = tasks.find(({ Family }) => Family === `standpipe-production-${name}`);
    expect(task).toMatchObject({
      RuntimePlatform: { CpuArchitecture: "ARM64", OperatingSystemFamily: "LINUX" },
      ContainerDefinitions: [
        {
          ReadonlyRootFilesystem: true,
          User: "1000:1000",
          StopTimeout: 120,
          LinuxParameters: { Capabilities: { Drop: ["ALL"] }, InitProcessEnabled: true },
        },
      ],
    });
  });

  it("is asked whether it gets on, not whether it listens", () => {
    const checks = tasks.flatMap(({ ContainerDefinitions }) =>
      (ContainerDefinitions as unknown as readonly Record<string, unknown>[]).flatMap(
        ({ HealthCheck }) => HealthCheck ?? [],
      ),
    );
    expect(checks).toMatchObject([
      { Command: ["CMD", "node", "--eval", expect.stringContaining("/health")], Retries: 3 },
    ]);
  });

  it("may put and look, and take its lease, and nothing else", () => {
    const roles = propertiesOf(ingester, "AWS::IAM::Policy").filter((policy) =>
      JSON.stringify(policy).includes("IngesterTaskTaskRole"),
    );
    expect(actionsOf(roles)).toEqual([
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "kinesis:ListShards",
      "kinesis:PutRecords",
      "s3:PutObject",
    ]);
  });

  it("has a task for a person's command without a service", () => {
    ingester.resourceCountIs("AWS::ECS::Service", 1);
    const task = tasks.find(({ Family }) => Family === "standpipe-production-operations");
    expect(task?.["ContainerDefinitions"]).toMatchObject([{ EntryPoint: ["node", "bin/standpipe.ts"] }]);
  });

  it("lets that task do what its commands do, where they do it, and nothing else", () => {
    const roles = propertiesOf(ingester, "AWS::IAM::Policy").filter((policy) =>
      JSON.stringify(policy).includes("OperationsTaskTaskRole"),
    );
    const rights = statementsOf(roles).flatMap(({ Action, Resource }) =>
      [Action].flat().map((action) => `${action} on ${placeOf(Resource)}`),
    );
    expect(rights.toSorted()).toEqual([
      // rewind
      "dynamodb:GetItem on CursorTable",
      "dynamodb:PutItem on CursorTable",
      // redrive
      "kinesis:ListShards on Stream",
      "kinesis:PutRecords on Stream",
      // sql, status, dead-letters
      "rds-db:connect on indexer",
      // redrive
      "s3:DeleteObject on FailedBatches/*",
      "s3:GetObject on FailedBatches/*",
      "s3:ListBucket on FailedBatches",
    ]);
  });
});

/** What of another stack a right is for, in one word; of a user of the database the user. */
function placeOf(resource: unknown): string {
  const text = JSON.stringify(resource);
  const user = /"\/(\w+)"\]/.exec(text)?.[1];
  const name = /ExportsOutput(?:FnGetAtt|Ref)(CursorTable|FailedBatches|LargePacks|Stream)/.exec(text)?.[1] ?? text;
  return user ?? `${name}${text.includes("/*") ? "/*" : ""}`;
}

describe("indexer", () => {
  it("calls the function with packs of one shard in parallel, no more workers than lanes", () => {
    indexer.hasResourceProperties("AWS::Lambda::EventSourceMapping", {
      BatchSize: 100,
      MaximumBatchingWindowInSeconds: 5,
      ParallelizationFactor: 2,
      StartingPosition: "TRIM_HORIZON",
    });
  });

  it("tries again without limit for 36 hours, in halves, with partial answers, then keeps the payload", () => {
    indexer.hasResourceProperties("AWS::Lambda::EventSourceMapping", {
      BisectBatchOnFunctionError: true,
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      MaximumRetryAttempts: -1,
      MaximumRecordAgeInSeconds: 36 * 3600,
      DestinationConfig: { OnFailure: { Destination: { "Fn::ImportValue": Match.stringLikeRegexp("FailedBatches") } } },
    });
  });

  it("runs our functions on Node 24 and ARM64 in isolated subnets", () => {
    const ours = propertiesOf(indexer, "AWS::Lambda::Function").filter(
      ({ FunctionName }) => FunctionName !== undefined,
    );
    expect(
      ours.map(({ FunctionName, Runtime, Architectures, VpcConfig }) => [
        FunctionName,
        Runtime,
        Architectures,
        VpcConfig !== undefined,
      ]),
    ).toEqual(
      ["migrate", "index-events", "freshness"].map((name) => [
        `standpipe-production-${name}`,
        "nodejs24.x",
        ["arm64"],
        true,
      ]),
    );
  });

  it("migrates at the instance's own endpoint, and lets the functions wait for it", () => {
    const [migrate] = propertiesOf(indexer, "AWS::Lambda::Function");
    expect(JSON.stringify(migrate)).toMatch(/DATABASE_URL.*postgres:\/\/standpipe_owner@.*DatabaseB.*EndpointAddress/);
    const functions = indexer.findResources("AWS::Lambda::Function", {
      Properties: { FunctionName: Match.stringLikeRegexp("index-events|freshness") },
    });
    const waiting = Object.values(functions).map(({ DependsOn }) =>
      (DependsOn as readonly string[]).some((id) => id.startsWith("Migration")),
    );
    expect(waiting).toEqual([true, true]);
  });

  it("may write what it could not apply to the bucket, and not read it", () => {
    const roles = propertiesOf(indexer, "AWS::IAM::Policy").filter((policy) =>
      JSON.stringify(policy).includes("IndexEventsRole"),
    );
    expect(actionsOf(roles).filter((action) => action.startsWith("s3:"))).toEqual([
      "s3:GetObject",
      "s3:ListBucket",
      "s3:PutObject",
    ]);
    const onFailed = JSON.stringify(roles).match(/"Action":"s3:GetObject"[^}]*FailedBatches/);
    expect(onFailed).toBeNull();
  });

  it("may list the bucket of large packs: to others S3 answers 403 where an object is missing", () => {
    const roles = propertiesOf(indexer, "AWS::IAM::Policy").filter((policy) =>
      JSON.stringify(policy).includes("IndexEventsRole"),
    );
    const listed = statementsOf(roles).flatMap(({ Action, Resource }) =>
      [Action].flat().includes("s3:ListBucket") ? [Resource].flat().map(placeOf) : [],
    );
    expect(listed).toContain("LargePacks");
  });

  it("is deployed before the ingester: who reads packs knows a new form before anybody writes it", () => {
    const { dependencies } = production.app.synth().getStackByName("standpipe-production-ingester");
    expect(dependencies.map(({ id }) => id)).toContain("standpipe-production-indexer");
  });
});

describe("bastion", () => {
  it("is not there unless somebody asks for it, and then has no way in", () => {
    database.resourceCountIs("AWS::EC2::Instance", 0);
    const asked = builtStage(STAGES.production, { bastion: "true" }).template("database");
    asked.resourceCountIs("AWS::EC2::Instance", 1);
    const [instance] = propertiesOf(asked, "AWS::EC2::Instance");
    expect(instance).not.toHaveProperty("KeyName");
    const [group] = propertiesOf(asked, "AWS::EC2::SecurityGroup").filter(
      ({ GroupDescription }) => String(GroupDescription) === "Session Manager",
    );
    expect(group).toBeDefined();
    expect(group).not.toHaveProperty("SecurityGroupIngress");
  });

  it("reaches the proxy as readers do, and is found by its output", () => {
    const asked = builtStage(STAGES.production, { bastion: "true" }).template("database");
    const [instance] = propertiesOf(asked, "AWS::EC2::Instance");
    expect(JSON.stringify(instance?.["SecurityGroupIds"])).toContain("ReaderSecurityGroup");
    asked.hasOutput("BastionInstanceId", {});
  });
});

describe("people's own SQL", () => {
  it("has outputs for the group, the address and the right that a reader needs", () => {
    network.hasOutput("ReaderSecurityGroupId", {});
    database.hasOutput("ProxyEndpoint", {});
    const arn = JSON.stringify(database.findOutputs("ReaderConnectArn"));
    // arn:PARTITION:rds-db:REGION:ACCOUNT:dbuser:PROXY/reader
    expect(arn).toMatch(/":rds-db:",.*":dbuser:",\{"Fn::Select":\[6,\{"Fn::Split":\[":",.*DBProxyArn.*"\/reader"/);
  });
});

/** Every action that policies allow, sorted. */
interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

function statementsOf(policies: readonly Record<string, unknown>[]): readonly Statement[] {
  return policies.flatMap(
    ({ PolicyDocument }) => (PolicyDocument as { readonly Statement: readonly Statement[] }).Statement,
  );
}

function actionsOf(policies: readonly Record<string, unknown>[]): readonly string[] {
  return [...new Set(statementsOf(policies).flatMap(({ Action }) => Action))].sort();
}

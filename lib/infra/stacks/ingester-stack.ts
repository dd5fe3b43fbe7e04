/** The process that reads the relay, one task that stops before the next starts; where the stream is Valkey, the one that reads that; and the task that runs a person's command. */
import { CfnOutput, Stack, type StackProps } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import { DockerImageAsset, Platform } from "aws-cdk-lib/aws-ecr-assets";
import * as ecs from "aws-cdk-lib/aws-ecs";
import * as iam from "aws-cdk-lib/aws-iam";
import type * as rds from "aws-cdk-lib/aws-rds";
import type { Construct } from "constructs";
import { HardenedTask } from "../constructs/hardened-task.ts";
import { HTTP_PORT, progressCheck } from "../constructs/progress-check.ts";
import { StreamReader } from "../constructs/stream-reader.ts";
import { type EnvironmentOf, observed, ofValkey, throughProxy, variables } from "../environment.ts";
import { grantObjects } from "../grant-objects.ts";
import { DATABASE_ROLES, resourceName } from "../names.ts";
import type { Stage } from "../stage.ts";
import type { StreamParts, StreamStorage } from "../stream-parts.ts";
import type { SecurityGroups } from "./network-stack.ts";

export interface IngesterStackProps extends StackProps {
  readonly stage: Stage;
  /** The checkout: what the image is built from. */
  readonly root: string;
  readonly vpc: ec2.IVpc;
  readonly securityGroups: SecurityGroups;
  readonly stream: StreamParts;
  readonly storage: StreamStorage;
  readonly proxy: rds.DatabaseProxy;
}

export class IngesterStack extends Stack {
  readonly service: ecs.FargateService;

  constructor(scope: Construct, id: string, props: IngesterStackProps) {
    super(scope, id, props);
    const { stage } = props;
    const cluster = new ecs.Cluster(this, "Cluster", {
      clusterName: resourceName(stage, "cluster"),
      vpc: props.vpc,
    }) as ecs.ICluster;
    const image = new DockerImageAsset(this, "Image", {
      directory: props.root,
      file: "ingester/Dockerfile",
      platform: Platform.LINUX_ARM64,
    });
    this.service = this.ingester(cluster, image, props);
    const operations = this.operations(image, props);
    this.streamReader(cluster, image, props);

    new CfnOutput(this, "ClusterName", { value: cluster.clusterName });
    new CfnOutput(this, "ServiceName", { value: this.service.serviceName });
    new CfnOutput(this, "OperationsTaskDefinition", { value: operations.taskDefinition.family });
    new CfnOutput(this, "OperationsLogGroup", { value: operations.logGroup.logGroupName });
    new CfnOutput(this, "OperationsSecurityGroupId", { value: props.securityGroups.operations.securityGroupId });
    new CfnOutput(this, "OperationsSubnetIds", {
      value: props.vpc.publicSubnets.map(({ subnetId }) => subnetId).join(","),
    });
  }

  private ingester(cluster: ecs.ICluster, image: DockerImageAsset, props: IngesterStackProps): ecs.FargateService {
    const { stage } = props;
    const environment: EnvironmentOf<"ingest"> = {
      ...observed(stage),
      RELAY_URL: stage.relayUrls.join(","),
      COLLECTIONS: stage.collections.join(","),
      AWS_REGION: this.region,
      LANES: String(stage.stream.lanes),
      ...this.streamOf(props),
      PORT: String(HTTP_PORT),
      // Nobody but the health check in the same task asks.
      HTTP_HOST: "127.0.0.1",
    };
    const task = new HardenedTask(this, "Ingester", {
      stage,
      name: "ingester",
      image: ecs.ContainerImage.fromDockerImageAsset(image),
      cpuUnits: stage.ingester.cpuUnits,
      memoryMiB: stage.ingester.memoryMiB,
      environment: variables(environment),
      healthCheck: progressCheck(),
      // A first start reads live; where anything has been applied, that goes before.
      ...(stage.stream.kind === "valkey" && { command: ["ingester/main.ts", "--from", "live"] }),
    });
    this.mayWrite(task.taskDefinition.taskRole, props);
    return this.oneAtATime(cluster, task, props);
  }

  private streamOf({ stage, stream, storage }: IngesterStackProps): EnvironmentOf<"ingest"> {
    const { cursorTable, largePacks } = storage;
    switch (stream.kind) {
      case "kinesis":
        return {
          STREAM: "kinesis",
          KINESIS_STREAM_NAME: stream.stream.streamName,
          DYNAMODB_TABLE_NAME: cursorTable.tableName,
          LARGE_PACKS_BUCKET: largePacks.bucketName,
          STANDBY: String(stage.ingester.standby),
        };
      case "valkey":
        return { STREAM: "redis", ...ofValkey(stage, stream), DYNAMODB_TABLE_NAME: cursorTable.tableName };
    }
  }

  private mayWrite(role: iam.IRole, { stream, storage }: IngesterStackProps): void {
    const { cursorTable, largePacks } = storage;
    switch (stream.kind) {
      case "kinesis":
        stream.stream.grant(role, "kinesis:PutRecords", "kinesis:ListShards");
        cursorTable.grant(role, "dynamodb:GetItem", "dynamodb:PutItem");
        grantObjects(largePacks, { to: role, actions: ["s3:PutObject"] });
        return;
      case "valkey":
        stream.secret.grantRead(role);
        // How far all has been applied: its own cursor is in Valkey.
        cursorTable.grant(role, "dynamodb:GetItem");
    }
  }

  private streamReader(cluster: ecs.ICluster, image: DockerImageAsset, props: IngesterStackProps): void {
    const { stage, vpc, stream, storage, proxy, securityGroups } = props;
    if (stream.kind !== "valkey") return;
    const { service } = new StreamReader(this, "StreamReader", {
      stage,
      cluster,
      vpc,
      image: ecs.ContainerImage.fromDockerImageAsset(image),
      stream,
      storage,
      proxy,
      securityGroup: securityGroups.poller ?? securityGroups.ingester,
    });
    // What has been applied is in the table by then: an ingester that finds no cursor begins there.
    this.service.node.addDependency(service);
    new CfnOutput(this, "StreamReaderServiceName", { value: service.serviceName });
  }

  /** Stop-before-start: the lease fences what overlaps anyway, but two readers would pay the relay's traffic twice. */
  private oneAtATime(cluster: ecs.ICluster, task: HardenedTask, props: IngesterStackProps): ecs.FargateService {
    const { standby } = props.stage.ingester;
    return new ecs.FargateService(this, "Service", {
      serviceName: resourceName(props.stage, "ingester"),
      cluster,
      taskDefinition: task.taskDefinition,
      desiredCount: standby ? 2 : 1,
      // With a standby one of the two goes at a time, and the other takes over.
      minHealthyPercent: standby ? 50 : 0,
      maxHealthyPercent: 100,
      circuitBreaker: { enable: true, rollback: true },
      availabilityZoneRebalancing: ecs.AvailabilityZoneRebalancing.DISABLED,
      enableECSManagedTags: true,
      propagateTags: ecs.PropagatedTagSource.SERVICE,
      // A public address of its own: 3.65 USD a month, where a NAT gateway takes 33 and 0.045 for each GB from the relay.
      assignPublicIp: true,
      vpcSubnets: { subnetType: ec2.SubnetType.PUBLIC },
      securityGroups: [props.securityGroups.ingester],
    });
  }

  /** No service: `npm run ops` starts it with a command, follows its log and takes its exit code. */
  private operations(image: DockerImageAsset, props: IngesterStackProps): HardenedTask {
    const { stage, stream, proxy } = props;
    const { cursorTable } = props.storage;
    const environment: EnvironmentOf<"operations"> = {
      ...throughProxy({ user: DATABASE_ROLES.indexer, proxyEndpoint: proxy.endpoint }),
      LOG_LEVEL: "info",
      AWS_REGION: this.region,
      LANES: String(stage.stream.lanes),
      ...(stream.kind === "kinesis" && {
        KINESIS_STREAM_NAME: stream.stream.streamName,
        DYNAMODB_TABLE_NAME: cursorTable.tableName,
        FAILED_BATCHES_BUCKET: stream.failedBatches.bucketName,
      }),
    };
    const task = new HardenedTask(this, "Operations", {
      stage,
      name: "operations",
      image: ecs.ContainerImage.fromDockerImageAsset(image),
      cpuUnits: 256,
      memoryMiB: 512,
      environment: variables(environment),
      entryPoint: ["node", "bin/standpipe.ts"],
      command: ["status"],
    });
    const { taskRole } = task.taskDefinition;
    // sql, status, dead-letters.
    proxy.grantConnect(taskRole, DATABASE_ROLES.indexer);
    if (stream.kind === "valkey") return task;
    const { failedBatches } = stream;
    // rewind.
    cursorTable.grant(taskRole, "dynamodb:GetItem", "dynamodb:PutItem");
    // redrive.
    stream.stream.grant(taskRole, "kinesis:PutRecords", "kinesis:ListShards");
    grantObjects(failedBatches, { to: taskRole, actions: ["s3:GetObject", "s3:DeleteObject"] });
    taskRole.addToPrincipalPolicy(
      new iam.PolicyStatement({ actions: ["s3:ListBucket"], resources: [failedBatches.bucketArn] }),
    );
    return task;
  }
}

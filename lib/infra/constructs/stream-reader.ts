/** The service that reads a stream of Valkey: it gives packs to the function (`poll`), or applies them itself (`work`). */
import { ArnFormat, Stack } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as ecs from "aws-cdk-lib/aws-ecs";
import * as iam from "aws-cdk-lib/aws-iam";
import type * as rds from "aws-cdk-lib/aws-rds";
import { Construct } from "constructs";
import { type EnvironmentOf, observed, ofValkey, throughProxy, variables } from "../environment.ts";
import { grantObjects } from "../grant-objects.ts";
import { DATABASE_ROLES, resourceName } from "../names.ts";
import { appliesInProcess, type Stage } from "../stage.ts";
import type { StreamStorage, ValkeyParts } from "../stream-parts.ts";
import { HardenedTask } from "./hardened-task.ts";
import { HTTP_PORT, progressCheck } from "./progress-check.ts";

export interface StreamReaderProps {
  readonly stage: Stage;
  readonly cluster: ecs.ICluster;
  readonly vpc: ec2.IVpc;
  readonly image: ecs.ContainerImage;
  readonly stream: ValkeyParts;
  readonly storage: StreamStorage;
  readonly proxy: rds.DatabaseProxy;
  readonly securityGroup: ec2.ISecurityGroup;
}

export class StreamReader extends Construct {
  readonly service: ecs.FargateService;

  constructor(scope: Construct, id: string, props: StreamReaderProps) {
    super(scope, id);
    const { stage, cluster, securityGroup } = props;
    const task = this.task(props);
    this.mayRead(task.taskDefinition.taskRole, props);
    this.service = new ecs.FargateService(this, "Service", {
      serviceName: resourceName(stage, readerName(stage)),
      cluster,
      taskDefinition: task.taskDefinition,
      desiredCount: stage.valkey.readers,
      // The next one starts before the last one stops: lanes are leases, and a task without any stands by.
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { enable: true, rollback: true },
      availabilityZoneRebalancing: ecs.AvailabilityZoneRebalancing.DISABLED,
      enableECSManagedTags: true,
      propagateTags: ecs.PropagatedTagSource.SERVICE,
      // As for the ingester: an address of its own is a ninth of a NAT gateway.
      assignPublicIp: true,
      vpcSubnets: { subnetType: ec2.SubnetType.PUBLIC },
      securityGroups: [securityGroup],
    });
  }

  private task(props: StreamReaderProps): HardenedTask {
    const { stage, image } = props;
    const inProcess = appliesInProcess(stage);
    return new HardenedTask(this, "Reader", {
      stage,
      name: readerName(stage),
      image,
      cpuUnits: stage.valkey.cpuUnits,
      memoryMiB: stage.valkey.memoryMiB,
      environment: inProcess ? variables(this.worker(props)) : variables(this.poller(props)),
      healthCheck: progressCheck(),
      entryPoint: ["node", "bin/standpipe.ts"],
      command: [inProcess ? "work" : "poll"],
    });
  }

  /** What both read. */
  private reading({ stage, stream, storage, proxy }: StreamReaderProps) {
    return {
      ...observed(stage),
      ...ofValkey(stage, stream),
      ...throughProxy({ user: DATABASE_ROLES.indexer, proxyEndpoint: proxy.endpoint }),
      RELAY_URL: stage.relayUrls.join(","),
      AWS_REGION: Stack.of(this).region,
      LANES: String(stage.stream.lanes),
      // How far all has been applied, for an ingester whose Valkey lost its memory.
      DYNAMODB_TABLE_NAME: storage.cursorTable.tableName,
      // The same for every task that ever was: what was delivered to one of them was delivered to us.
      CONSUMER_ID: readerName(stage),
      PORT: String(HTTP_PORT),
      HTTP_HOST: "127.0.0.1",
    } as const;
  }

  private poller(props: StreamReaderProps): EnvironmentOf<"poll"> {
    const { stage, stream, storage } = props;
    const { timeoutSeconds, batchPacks, batchingWindowSeconds } = stage.indexer;
    return {
      ...this.reading(props),
      // Status, dead letters that no call could hold, and the house: the rows are the function's.
      DB_POOL_SIZE: "2",
      INDEXER_FUNCTION: indexerName(stage),
      INDEXER_TIMEOUT_SECONDS: String(timeoutSeconds),
      BATCH_PACKS: String(batchPacks),
      BATCHING_WINDOW_MS: String(batchingWindowSeconds * 1000),
      EVENT_SOURCE_ARN: stream.sourceArn,
      LARGE_PACKS_BUCKET: storage.largePacks.bucketName,
    };
  }

  private worker(props: StreamReaderProps): EnvironmentOf<"work"> {
    const { stage } = props;
    return { ...this.reading(props), STREAM: "redis", COLLECTIONS: stage.collections.join(",") };
  }

  private mayRead(role: iam.IRole, { stage, stream, storage, proxy }: StreamReaderProps): void {
    stream.secret.grantRead(role);
    proxy.grantConnect(role, DATABASE_ROLES.indexer);
    storage.cursorTable.grant(role, "dynamodb:PutItem");
    if (appliesInProcess(stage)) return;
    grantObjects(storage.largePacks, { to: role, actions: ["s3:PutObject"] });
    role.addToPrincipalPolicy(
      new iam.PolicyStatement({ actions: ["lambda:InvokeFunction"], resources: [indexerArn(this, stage)] }),
    );
  }
}

/** What it does, in the names of its service and its log. */
function readerName(stage: Stage): "worker" | "poller" {
  return appliesInProcess(stage) ? "worker" : "poller";
}

function indexerName(stage: Stage): string {
  return resourceName(stage, "index-events");
}

/** By its name: the function's stack comes after this one's resources are thought of, and before they are deployed. */
function indexerArn(scope: Construct, stage: Stage): string {
  const parts = { service: "lambda", resource: "function", resourceName: indexerName(stage) };
  return Stack.of(scope).formatArn({ ...parts, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
}

/** From the stream to rows: migrations first, then the function that the stream calls, and the canary that asks whether rows are new. */
import { CfnOutput, Duration, Stack, type StackProps } from "aws-cdk-lib";
import * as events from "aws-cdk-lib/aws-events";
import * as targets from "aws-cdk-lib/aws-events-targets";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import { KinesisEventSource } from "aws-cdk-lib/aws-lambda-event-sources";
import * as triggers from "aws-cdk-lib/triggers";
import type { Construct } from "constructs";
import { FailedBatchesDestination } from "../constructs/failed-batches-destination.ts";
import { NodeFunction, type NodeFunctionProps } from "../constructs/node-function.ts";
import type { DatabaseAccess } from "../database-access.ts";
import { type EnvironmentOf, observed, variables } from "../environment.ts";
import { grantObjects } from "../grant-objects.ts";
import { resourceName } from "../names.ts";
import { appliesInProcess, type Stage } from "../stage.ts";
import type { KinesisParts, StreamParts, StreamStorage } from "../stream-parts.ts";

/** The longest that a function may take: a migration that needs more is done by hand, see `docs/operating.md`. */
const MIGRATION_MINUTES = 15;

export interface IndexerStackProps extends StackProps {
  readonly stage: Stage;
  /** The checkout: where the functions' code is. */
  readonly root: string;
  readonly stream: StreamParts;
  readonly storage: StreamStorage;
  readonly database: DatabaseAccess;
}

/** The function, and what calls it where that is Lambda itself. */
export interface CalledIndexer {
  readonly function: lambda.IFunction;
  readonly mappingId?: string;
}

export class IndexerStack extends Stack {
  /** Null where the process that reads the stream applies packs itself. */
  readonly called: CalledIndexer | null;

  constructor(scope: Construct, id: string, props: IndexerStackProps) {
    super(scope, id, props);
    const migration = this.migration(props);
    const indexer = appliesInProcess(props.stage) ? null : this.indexEvents(props);
    const freshness = this.freshness(props);
    // New code may need new columns, and finds them; old code goes on meanwhile: migrations only add (expand, then contract).
    migration.executeBefore(...(indexer === null ? [] : [indexer]), freshness);
    this.called = indexer === null ? null : this.calls(indexer, props);
  }

  private calls(indexer: lambda.Function, { stage, stream }: IndexerStackProps): CalledIndexer {
    new CfnOutput(this, "IndexerFunctionName", { value: indexer.functionName });
    // The poller calls it where the stream is Valkey.
    if (stream.kind === "valkey") return { function: indexer };
    const mapping = this.callFor(indexer, { stage, stream });
    new CfnOutput(this, "EventSourceMappingId", { value: mapping.eventSourceMappingId });
    return { function: indexer, mappingId: mapping.eventSourceMappingId };
  }

  private migration(props: IndexerStackProps): triggers.Trigger {
    const { stage, root, database } = props;
    const environment: EnvironmentOf<"migrate"> = { ...database.asOwner.environment, LOG_LEVEL: "info" };
    const migrate = new NodeFunction(this, "Migrate", {
      stage,
      root,
      name: "migrate",
      description: "Brings the database to this version: runs once in each deployment that changes it",
      memoryMiB: 256,
      timeoutSeconds: MIGRATION_MINUTES * 60,
      environment: { ...variables(environment), ...AMAZON_CERTIFICATES },
      withMigrations: true,
      ...networkOf(database.asOwner),
    });
    database.asOwner.grant(migrate);
    return new triggers.Trigger(this, "Migration", {
      handler: migrate,
      timeout: Duration.minutes(MIGRATION_MINUTES),
      // A migration that fails fails the deployment, and the function stays as it was.
      invocationType: triggers.InvocationType.REQUEST_RESPONSE,
    });
  }

  private indexEvents(props: IndexerStackProps): NodeFunction {
    const { stage, root, database } = props;
    const { largePacks } = props.storage;
    const environment: EnvironmentOf<"index-events"> = {
      ...observed(stage),
      ...database.asIndexer.environment,
      LANES: String(stage.stream.lanes),
      LARGE_PACKS_BUCKET: largePacks.bucketName,
      // An instance of a function works one batch at a time.
      DB_POOL_SIZE: "1",
    };
    const indexer = new NodeFunction(this, "IndexEvents", {
      stage,
      root,
      name: "index-events",
      description: "Takes packs from the stream and writes their rows",
      memoryMiB: stage.indexer.memoryMiB,
      timeoutSeconds: stage.indexer.timeoutSeconds,
      environment: variables(environment),
      ...networkOf(database.asIndexer),
    });
    database.asIndexer.grant(indexer);
    grantObjects(largePacks, { to: indexer, actions: ["s3:GetObject"] });
    // S3 says that an object is missing only to who may list; to others it says 403, which looks like trouble that passes.
    indexer.addToRolePolicy(new iam.PolicyStatement({ actions: ["s3:ListBucket"], resources: [largePacks.bucketArn] }));
    return indexer;
  }

  private callFor(
    indexer: lambda.Function,
    { stage, stream: { stream, failedBatches } }: { readonly stage: Stage; readonly stream: KinesisParts },
  ): KinesisEventSource {
    const source = new KinesisEventSource(stream, {
      startingPosition: lambda.StartingPosition.TRIM_HORIZON,
      batchSize: stage.indexer.batchPacks,
      maxBatchingWindow: Duration.seconds(stage.indexer.batchingWindowSeconds),
      parallelizationFactor: stage.indexer.parallelization,
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      // Without limit: finite attempts would send every batch of a database outage to the bucket, and go on out of order.
      retryAttempts: -1,
      maxRecordAge: Duration.hours(stage.indexer.maxRecordAgeHours),
      // The only destination that keeps the payload; the others get a description of it.
      onFailure: new FailedBatchesDestination(failedBatches),
      metricsConfig: { metrics: [lambda.MetricType.EVENT_COUNT] },
    });
    indexer.addEventSource(source);
    return source;
  }

  private freshness(props: IndexerStackProps): NodeFunction {
    const { stage, root, database } = props;
    const environment: EnvironmentOf<"freshness"> = { ...observed(stage), ...database.asReader.environment };
    const freshness = new NodeFunction(this, "Freshness", {
      stage,
      root,
      name: "freshness",
      description: "Asks the database each minute how old its newest rows are",
      memoryMiB: 256,
      timeoutSeconds: 20,
      environment: variables(environment),
      ...networkOf(database.asReader),
    });
    database.asReader.grant(freshness);
    new events.Rule(this, "EachMinute", {
      ruleName: resourceName(stage, "freshness"),
      description: "Is what the relay says now in the database now?",
      schedule: events.Schedule.rate(Duration.minutes(1)),
      // The next minute asks again: a late answer to an old question helps nobody.
      targets: [new targets.LambdaFunction(freshness, { retryAttempts: 0 })],
    });
    return freshness;
  }
}

/** Certificates of the database's own endpoint, which Node 20 and newer do not load by themselves on Lambda. */
const AMAZON_CERTIFICATES = { NODE_EXTRA_CA_CERTS: "/var/runtime/ca-cert.pem" } as const;

function networkOf({ network }: Pick<NodeFunctionProps, "network">): Pick<NodeFunctionProps, "network"> {
  return network === undefined ? {} : { network };
}

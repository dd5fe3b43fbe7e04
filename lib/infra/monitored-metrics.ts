/** The parts of a deployment in, the metrics that its alarms and its dashboard look at out. */
import { Duration } from "aws-cdk-lib";
import { type IMetric, MathExpression, Stats } from "aws-cdk-lib/aws-cloudwatch";
import type * as kinesis from "aws-cdk-lib/aws-kinesis";
import type * as lambda from "aws-cdk-lib/aws-lambda";
import type * as rds from "aws-cdk-lib/aws-rds";
import type * as s3 from "aws-cdk-lib/aws-s3";
import { awsMetric, ownMetric } from "./metric.ts";
import type { Stage } from "./stage.ts";

/** Long enough for a deployment's two changes to be nothing special. */
const LEASE_PERIOD = Duration.minutes(15);
const HOUR = Duration.hours(1);
/** As often as S3 counts objects. */
const DAY = Duration.days(1);
const FIVE_MINUTES = Duration.minutes(5);

export interface MonitoredParts {
  readonly stage: Stage;
  readonly stream: kinesis.IStream;
  readonly failedBatches: s3.IBucket;
  readonly indexer: lambda.IFunction;
  readonly mappingId: string;
  /** Nothing where Postgres is not ours to watch. */
  readonly database?: { readonly instance: rds.IDatabaseInstance; readonly proxy: rds.IDatabaseProxy };
}

export interface DatabaseMetrics {
  readonly pinnedSessions: IMetric;
  readonly borrowLatencyUs: IMetric;
  readonly refusedLogins: IMetric;
  readonly cpuPercent: IMetric;
  readonly cpuCredits: IMetric;
  readonly freeBytes: IMetric;
  readonly connections: IMetric;
}

export interface MonitoredMetrics {
  readonly receivedEvents: IMetric;
  readonly ingestLag: IMetric;
  readonly inFlightBytes: IMetric;
  readonly putRecords: IMetric;
  readonly putBytes: IMetric;
  readonly leaseTakeovers: IMetric;
  /** Of either side: what a relay no longer has, and packs that did not come. */
  readonly gaps: IMetric;
  /** 1 where a second task waits; nothing where the stage has none. */
  readonly standby?: IMetric;
  readonly throttledPuts: IMetric;
  /** Of the oldest record at each reading, whoever reads. */
  readonly streamAgeMs: IMetric;
  readonly incomingBytes: IMetric;
  readonly iteratorAgeMs: IMetric;
  readonly invocations: IMetric;
  readonly durationMs: IMetric;
  readonly failedBatches: IMetric;
  /** What lies in the bucket, counted once a day. */
  readonly failedBatchObjects: IMetric;
  readonly failedDeliveries: IMetric;
  readonly indexerErrors: IMetric;
  readonly indexerThrottles: IMetric;
  readonly appliedEvents: IMetric;
  readonly deadLetters: IMetric;
  readonly newestRowAge: IMetric;
  readonly database?: DatabaseMetrics;
}

/** What AWS measures costs nothing; of ours only what no number of AWS says. */
export function monitoredMetrics(parts: MonitoredParts): MonitoredMetrics {
  const { stage, stream, failedBatches, indexer, mappingId, database } = parts;
  const ofStream = { dimensions: { StreamName: stream.streamName }, statistic: Stats.SUM };
  const ofIndexer = { dimensions: { FunctionName: indexer.functionName }, statistic: Stats.SUM };
  const ofMapping = { dimensions: { EventSourceMappingUUID: mappingId }, statistic: Stats.SUM, period: FIVE_MINUTES };
  const ingest = { process: "ingest" } as const;
  const indexEvents = { process: "index-events" } as const;
  return {
    receivedEvents: ownMetric(stage, "received_events_total", ingest),
    ingestLag: ownMetric(stage, "lag_seconds", ingest),
    inFlightBytes: ownMetric(stage, "in_flight_bytes", ingest),
    putRecords: ownMetric(stage, "put_records_total", ingest),
    putBytes: ownMetric(stage, "put_bytes_total", ingest),
    leaseTakeovers: ownMetric(stage, "lease_takeovers_total", { ...ingest, period: LEASE_PERIOD }),
    gaps: gapsOnEitherSide(stage),
    ...(stage.ingester.standby && { standby: ownMetric(stage, "standby", ingest) }),
    throttledPuts: awsMetric("AWS/Kinesis", "WriteProvisionedThroughputExceeded", ofStream),
    streamAgeMs: awsMetric("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", {
      ...ofStream,
      statistic: Stats.MAXIMUM,
    }),
    incomingBytes: awsMetric("AWS/Kinesis", "IncomingBytes", ofStream),
    iteratorAgeMs: awsMetric("AWS/Lambda", "IteratorAge", { ...ofIndexer, statistic: Stats.MAXIMUM }),
    invocations: awsMetric("AWS/Lambda", "Invocations", ofIndexer),
    durationMs: awsMetric("AWS/Lambda", "Duration", { ...ofIndexer, statistic: Stats.p(99) }),
    failedBatches: awsMetric("AWS/Lambda", "OnFailureDestinationDeliveredEventCount", ofMapping),
    failedBatchObjects: awsMetric("AWS/S3", "NumberOfObjects", {
      dimensions: { BucketName: failedBatches.bucketName, StorageType: "AllStorageTypes" },
      statistic: Stats.MAXIMUM,
      period: DAY,
    }),
    failedDeliveries: awsMetric("AWS/Lambda", "DestinationDeliveryFailures", { ...ofIndexer, period: FIVE_MINUTES }),
    indexerErrors: awsMetric("AWS/Lambda", "Errors", ofIndexer),
    indexerThrottles: awsMetric("AWS/Lambda", "Throttles", ofIndexer),
    appliedEvents: ownMetric(stage, "applied_events_total", indexEvents),
    deadLetters: ownMetric(stage, "dead_letters_total", { ...indexEvents, period: HOUR }),
    newestRowAge: ownMetric(stage, "newest_row_age_seconds", { process: "freshness" }),
    ...(database !== undefined && { database: databaseMetrics(database) }),
  };
}

/** The ingester sees those before the stream, the function those in it: one alarm for both. */
function gapsOnEitherSide(stage: Stage): IMetric {
  const of = (process: "ingest" | "index-events") => ownMetric(stage, "gaps_total", { process, period: FIVE_MINUTES });
  return new MathExpression({
    label: "gaps_total",
    expression: "FILL(relay, 0) + FILL(packs, 0)",
    usingMetrics: { relay: of("ingest"), packs: of("index-events") },
    period: FIVE_MINUTES,
  });
}

function databaseMetrics({ instance, proxy }: NonNullable<MonitoredParts["database"]>): DatabaseMetrics {
  const ofInstance = { dimensions: { DBInstanceIdentifier: instance.instanceIdentifier }, statistic: Stats.AVERAGE };
  const ofProxy = { dimensions: { ProxyName: proxy.dbProxyName }, statistic: Stats.AVERAGE };
  return {
    pinnedSessions: awsMetric("AWS/RDS", "DatabaseConnectionsCurrentlySessionPinned", {
      ...ofProxy,
      statistic: Stats.MAXIMUM,
    }),
    borrowLatencyUs: awsMetric("AWS/RDS", "DatabaseConnectionsBorrowLatency", ofProxy),
    refusedLogins: awsMetric("AWS/RDS", "ClientConnectionsSetupFailedAuth", { ...ofProxy, statistic: Stats.SUM }),
    cpuPercent: awsMetric("AWS/RDS", "CPUUtilization", ofInstance),
    cpuCredits: awsMetric("AWS/RDS", "CPUCreditBalance", { ...ofInstance, period: HOUR }),
    freeBytes: awsMetric("AWS/RDS", "FreeStorageSpace", { ...ofInstance, statistic: Stats.MINIMUM }),
    connections: awsMetric("AWS/RDS", "DatabaseConnections", { ...ofInstance, statistic: Stats.MAXIMUM }),
  };
}

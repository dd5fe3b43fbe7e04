/** The parts of a deployment in, the metrics that its alarms and its dashboard look at out. */
import { Duration } from "aws-cdk-lib";
import { type IMetric, MathExpression, Stats } from "aws-cdk-lib/aws-cloudwatch";
import type * as rds from "aws-cdk-lib/aws-rds";
import { awsMetric, type MetricSource, MINUTE, ownMetric } from "./metric.ts";
import type { CalledIndexer } from "./stacks/indexer-stack.ts";
import { appliesInProcess, type Stage } from "./stage.ts";
import type { KinesisParts, StreamParts, ValkeyParts } from "./stream-parts.ts";

/** Long enough for a deployment's two changes to be nothing special. */
const LEASE_PERIOD = Duration.minutes(15);
const HOUR = Duration.hours(1);
/** As often as S3 counts objects. */
const DAY = Duration.days(1);
const FIVE_MINUTES = Duration.minutes(5);

export interface MonitoredParts {
  readonly stage: Stage;
  readonly stream: StreamParts;
  /** Null where the process that reads the stream writes the rows. */
  readonly indexer: CalledIndexer | null;
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

/** Of a Kinesis stream, and of Lambda's reading of it. */
export interface KinesisMetrics {
  readonly putRecords: IMetric;
  readonly putBytes: IMetric;
  readonly leaseTakeovers: IMetric;
  readonly throttledPuts: IMetric;
  /** Of the oldest record at each reading, whoever reads. */
  readonly streamAgeMs: IMetric;
  readonly incomingBytes: IMetric;
  readonly iteratorAgeMs: IMetric;
  readonly failedBatches: IMetric;
  /** What lies in the bucket, counted once a day. */
  readonly failedBatchObjects: IMetric;
  readonly failedDeliveries: IMetric;
}

/** Of a Valkey stream; of several nodes the worst. */
export interface ValkeyMetrics {
  readonly putEntries: IMetric;
  /** Given to nobody of the group. */
  readonly unreadEntries: IMetric;
  /** Of the oldest entry that is not applied, read or not. */
  readonly oldestUnhandled: IMetric;
  readonly memoryPercent: IMetric;
  readonly evictions: IMetric;
}

/** Of the function that applies packs. */
export interface FunctionMetrics {
  readonly invocations: IMetric;
  readonly durationMs: IMetric;
  readonly errors: IMetric;
  readonly throttles: IMetric;
}

export interface MonitoredMetrics {
  readonly receivedEvents: IMetric;
  readonly ingestLag: IMetric;
  readonly inFlightBytes: IMetric;
  /** Of either side: what a relay no longer has, and packs that did not come. */
  readonly gaps: IMetric;
  /** 1 where a second task waits; nothing where the stage has none. */
  readonly standby?: IMetric;
  readonly kinesis?: KinesisMetrics;
  readonly valkey?: ValkeyMetrics;
  /** Nothing where the reader of the stream writes the rows. */
  readonly indexer?: FunctionMetrics;
  readonly appliedEvents: IMetric;
  readonly deadLetters: IMetric;
  readonly newestRowAge: IMetric;
  readonly database?: DatabaseMetrics;
}

/** What AWS measures costs nothing; of ours only what no number of AWS says. */
export function monitoredMetrics(parts: MonitoredParts): MonitoredMetrics {
  const { stage, stream, indexer, database } = parts;
  const ingest = { process: "ingest" } as const;
  const applying = { process: appliesInProcess(stage) ? "work" : "index-events" } as const;
  return {
    receivedEvents: ownMetric(stage, "received_events_total", ingest),
    ingestLag: ownMetric(stage, "lag_seconds", ingest),
    inFlightBytes: ownMetric(stage, "in_flight_bytes", ingest),
    gaps: gapsOnEitherSide(stage, applying.process),
    ...(stage.ingester.standby && { standby: ownMetric(stage, "standby", ingest) }),
    ...(stream.kind === "kinesis" ? { kinesis: kinesisMetrics(stage, stream, indexer) } : {}),
    ...(stream.kind === "valkey" ? { valkey: valkeyMetrics(stage, stream) } : {}),
    ...(indexer !== null && { indexer: functionMetrics(indexer) }),
    appliedEvents: ownMetric(stage, "applied_events_total", applying),
    deadLetters: ownMetric(stage, "dead_letters_total", { ...applying, period: HOUR }),
    newestRowAge: ownMetric(stage, "newest_row_age_seconds", { process: "freshness" }),
    ...(database !== undefined && { database: databaseMetrics(database) }),
  };
}

function kinesisMetrics(
  stage: Stage,
  { stream, failedBatches }: KinesisParts,
  indexer: CalledIndexer | null,
): KinesisMetrics {
  const ingest = { process: "ingest" } as const;
  const ofStream = { dimensions: { StreamName: stream.streamName }, statistic: Stats.SUM };
  const ofIndexer = { dimensions: { FunctionName: indexer?.function.functionName ?? "" }, statistic: Stats.SUM };
  const ofMapping = {
    dimensions: { EventSourceMappingUUID: indexer?.mappingId ?? "" },
    statistic: Stats.SUM,
    period: FIVE_MINUTES,
  };
  return {
    putRecords: ownMetric(stage, "put_records_total", ingest),
    putBytes: ownMetric(stage, "put_bytes_total", ingest),
    leaseTakeovers: ownMetric(stage, "lease_takeovers_total", { ...ingest, period: LEASE_PERIOD }),
    throttledPuts: awsMetric("AWS/Kinesis", "WriteProvisionedThroughputExceeded", ofStream),
    streamAgeMs: awsMetric("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", {
      ...ofStream,
      statistic: Stats.MAXIMUM,
    }),
    incomingBytes: awsMetric("AWS/Kinesis", "IncomingBytes", ofStream),
    iteratorAgeMs: awsMetric("AWS/Lambda", "IteratorAge", { ...ofIndexer, statistic: Stats.MAXIMUM }),
    failedBatches: awsMetric("AWS/Lambda", "OnFailureDestinationDeliveredEventCount", ofMapping),
    failedBatchObjects: awsMetric("AWS/S3", "NumberOfObjects", {
      dimensions: { BucketName: failedBatches.bucketName, StorageType: "AllStorageTypes" },
      statistic: Stats.MAXIMUM,
      period: DAY,
    }),
    failedDeliveries: awsMetric("AWS/Lambda", "DestinationDeliveryFailures", { ...ofIndexer, period: FIVE_MINUTES }),
  };
}

function valkeyMetrics(stage: Stage, { nodeIds }: ValkeyParts): ValkeyMetrics {
  const reader = { process: appliesInProcess(stage) ? "work" : "poll" } as const;
  return {
    putEntries: ownMetric(stage, "stream_entries_total", { process: "ingest" }),
    unreadEntries: ownMetric(stage, "unread_entries", reader),
    oldestUnhandled: ownMetric(stage, "oldest_unhandled_seconds", reader),
    memoryPercent: worstNode("DatabaseMemoryUsagePercentage", nodeIds, Stats.MAXIMUM),
    evictions: worstNode("Evictions", nodeIds, Stats.SUM),
  };
}

/** ElastiCache counts for each node. Which of them is the primary changes. */
function worstNode(name: string, nodeIds: readonly string[], statistic: string): IMetric {
  const [first, ...others] = nodeIds.map((CacheClusterId) =>
    awsMetric("AWS/ElastiCache", name, { dimensions: { CacheClusterId }, statistic }),
  );
  if (first === undefined || others.length === 0)
    return first ?? awsMetric("AWS/ElastiCache", name, { dimensions: {}, statistic });
  return new MathExpression({
    label: name,
    expression: "MAX(METRICS())",
    usingMetrics: Object.fromEntries([first, ...others].map((metric, index) => [`node${index + 1}`, metric])),
    period: MINUTE,
  });
}

function functionMetrics({ function: indexer }: CalledIndexer): FunctionMetrics {
  const ofIndexer = { dimensions: { FunctionName: indexer.functionName }, statistic: Stats.SUM };
  return {
    invocations: awsMetric("AWS/Lambda", "Invocations", ofIndexer),
    durationMs: awsMetric("AWS/Lambda", "Duration", { ...ofIndexer, statistic: Stats.p(99) }),
    errors: awsMetric("AWS/Lambda", "Errors", ofIndexer),
    throttles: awsMetric("AWS/Lambda", "Throttles", ofIndexer),
  };
}

/** The ingester sees those before the stream, who applies packs those in it: one alarm for both. */
function gapsOnEitherSide(stage: Stage, applying: "index-events" | "work"): IMetric {
  const of = (process: MetricSource) => ownMetric(stage, "gaps_total", { process, period: FIVE_MINUTES });
  return new MathExpression({
    label: "gaps_total",
    expression: "FILL(relay, 0) + FILL(packs, 0)",
    usingMetrics: { relay: of("ingest"), packs: of(applying) },
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

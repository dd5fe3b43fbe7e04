/** From the stream into rows: how far behind, what could not be applied, and how old is what readers see? */
import { TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import type { MonitoredMetrics } from "../monitored-metrics.ts";
import type { Stage } from "../stage.ts";
import { type AlarmDefinition, SILENCE } from "./alarm-definition.ts";

/** In an hour: some each day are usual, and a fault of ours makes thousands. */
const USUAL_DEAD_LETTERS = 50;

export function indexerAlarms(stage: Stage, metrics: MonitoredMetrics): readonly AlarmDefinition[] {
  const { heartbeat, counted } = SILENCE;
  return [
    ...mappingAlarms(stage, metrics),
    ...functionAlarms(metrics),
    {
      id: "dead-letters",
      severity: "ticket",
      says: `More than ${USUAL_DEAD_LETTERS} events have become dead letters within an hour`,
      metric: metrics.deadLetters,
      when: "above",
      threshold: USUAL_DEAD_LETTERS,
      points: [1, 1],
      ...counted,
    },
    {
      id: "stale-rows",
      severity: "page",
      says: "The newest rows in the database are more than five minutes old",
      metric: metrics.newestRowAge,
      when: "above",
      threshold: 300,
      points: [5, 5],
      ...heartbeat,
    },
  ];
}

/** Of Lambda's own reading of the stream, and of what it gives up. */
function mappingAlarms(stage: Stage, { kinesis }: MonitoredMetrics): readonly AlarmDefinition[] {
  if (kinesis === undefined) return [];
  const { counted } = SILENCE;
  const halfRetentionMs = stage.stream.retentionHours * 3_600_000 * 0.5;
  const perInvocation = {
    onSilence: TreatMissingData.NOT_BREACHING,
    silence: "without invocations there is no age: no-ingest speaks for that",
  };
  return [
    {
      id: "iterator-age",
      severity: "ticket",
      says: "The indexer is more than a minute behind the stream",
      metric: kinesis.iteratorAgeMs,
      when: "above",
      threshold: 60_000,
      points: [10, 15],
      ...perInvocation,
    },
    {
      id: "iterator-age-high",
      severity: "page",
      says: "The indexer is more than ten minutes behind the stream",
      metric: kinesis.iteratorAgeMs,
      when: "above",
      threshold: 600_000,
      points: [10, 15],
      ...perInvocation,
    },
    {
      id: "lag-near-retention",
      severity: "page",
      says: `The indexer is behind by half of the stream's ${stage.stream.retentionHours} hours: batches will go to the bucket`,
      metric: kinesis.iteratorAgeMs,
      when: "above",
      threshold: halfRetentionMs,
      points: [3, 3],
      onSilence: TreatMissingData.IGNORE,
      silence: "an outage of the function writes nothing, and the lag goes on: the alarm stays as it is",
    },
    {
      id: "failed-batches",
      severity: "page",
      says: "Batches have gone to the bucket unapplied",
      metric: kinesis.failedBatches,
      when: "above",
      threshold: 0,
      points: [1, 1],
      ...counted,
    },
    {
      id: "failed-batches-left",
      severity: "ticket",
      says: "Batches lie in the bucket unapplied: their rows are missing until somebody redrives them",
      metric: kinesis.failedBatchObjects,
      when: "above",
      threshold: 0,
      // S3 counts once a day, and late: of two days one may not be there yet.
      points: [1, 2],
      onSilence: TreatMissingData.NOT_BREACHING,
      silence: "of an empty bucket S3 writes nothing",
    },
    {
      id: "failed-deliveries",
      severity: "page",
      says: "A batch could not even be written to the bucket",
      metric: kinesis.failedDeliveries,
      when: "above",
      threshold: 0,
      points: [1, 1],
      ...counted,
    },
  ];
}

function functionAlarms({ indexer }: MonitoredMetrics): readonly AlarmDefinition[] {
  if (indexer === undefined) return [];
  const { counted } = SILENCE;
  return [
    {
      id: "function-errors",
      severity: "ticket",
      says: "Invocations of the indexer fail",
      metric: indexer.errors,
      when: "above",
      threshold: 0,
      points: [3, 5],
      ...counted,
    },
    {
      id: "function-throttles",
      severity: "ticket",
      says: "Lambda does not start the indexer",
      metric: indexer.throttles,
      when: "above",
      threshold: 0,
      points: [3, 5],
      ...counted,
    },
  ];
}

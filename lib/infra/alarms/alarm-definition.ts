/** What an alarm is: when somebody is told, how urgently, and what silence means. Each id is a heading of `docs/runbook.md`. */
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";

/** `page` wakes somebody: rows stop coming, or will be lost. `ticket` is for the next working day. */
export type Severity = "page" | "ticket";

export interface AlarmDefinition {
  /** The runbook's heading, and the end of the alarm's name. */
  readonly id: string;
  readonly severity: Severity;
  /** What is wrong, as one reads it at night. */
  readonly says: string;
  readonly metric: cloudwatch.IMetric;
  readonly when: "above" | "below";
  readonly threshold: number;
  /** So many of so many minutes (or of the metric's own periods). */
  readonly points: readonly [wrong: number, looked: number];
  readonly onSilence: cloudwatch.TreatMissingData;
  /** Why silence means that. */
  readonly silence: string;
}

/** What silence means: one for each kind of metric. */
export const SILENCE = {
  heartbeat: { onSilence: cloudwatch.TreatMissingData.BREACHING, silence: "the metric is the process's sign of life" },
  counted: {
    onSilence: cloudwatch.TreatMissingData.NOT_BREACHING,
    silence: "nothing is written where nothing happened",
  },
  gauged: {
    onSilence: cloudwatch.TreatMissingData.NOT_BREACHING,
    silence: "no-ingest and stale-rows speak for a process that is silent",
  },
} as const;

/** The alarm's shape in CloudWatch. */
export function alarmProps(definition: AlarmDefinition): cloudwatch.CreateAlarmOptions {
  const [datapointsToAlarm, evaluationPeriods] = definition.points;
  return {
    threshold: definition.threshold,
    comparisonOperator:
      definition.when === "above"
        ? cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
        : cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
    datapointsToAlarm,
    evaluationPeriods,
    treatMissingData: definition.onSilence,
  };
}

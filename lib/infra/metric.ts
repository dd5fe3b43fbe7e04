/** Names of `lib/telemetry/metrics.ts` in, metrics of CloudWatch out; and those of AWS that the alarms and the dashboard need. */
import { Duration } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import { METRICS, type MetricName } from "../telemetry/metrics.ts";
import { metricNamespace, resourceName } from "./names.ts";
import type { Stage } from "./stage.ts";

export const MINUTE = Duration.minutes(1);

/** Who writes a metric. */
export type MetricSource = "ingest" | "poll" | "work" | "index-events" | "freshness";

/** What stands beside its values, in the lines that the process writes: another set of dimensions would be another metric. */
function dimensionsOf(stage: Stage, process: MetricSource): Record<string, string> {
  switch (process) {
    case "ingest":
    case "poll":
    case "work":
      return { command: process, stream: resourceName(stage, "events") };
    case "index-events":
    case "freshness":
      return { command: process };
  }
}

export interface OwnMetricOptions {
  readonly process: MetricSource;
  readonly statistic?: string;
  readonly period?: Duration;
}

/** A metric of ours. Counters are summed over a period, gauges taken at their highest. */
export function ownMetric(stage: Stage, name: MetricName, options: OwnMetricOptions): cloudwatch.Metric {
  const fallback = METRICS[name].kind === "counter" ? cloudwatch.Stats.SUM : cloudwatch.Stats.MAXIMUM;
  return new cloudwatch.Metric({
    namespace: metricNamespace(stage),
    metricName: name,
    dimensionsMap: dimensionsOf(stage, options.process),
    statistic: options.statistic ?? fallback,
    period: options.period ?? MINUTE,
  });
}

/** A metric that AWS writes. */
export function awsMetric(
  namespace: `AWS/${string}`,
  metricName: string,
  options: { readonly dimensions: Record<string, string>; readonly statistic: string; readonly period?: Duration },
): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace,
    metricName,
    dimensionsMap: options.dimensions,
    statistic: options.statistic,
    period: options.period ?? MINUTE,
  });
}

/** Alarms and dashboards of a template in, the metrics that they look at out. */

export interface CloudFormationResource {
  readonly Type: string;
  readonly Properties?: Properties;
}

type Properties = Readonly<Record<string, unknown>>;

export interface WatchedMetric {
  readonly namespace: string;
  readonly name: string;
  /** Names and values; what is known only when it is deployed is a `?`. */
  readonly dimensions: readonly string[];
}

/** One, or each that its formula counts with. */
export function metricsOfAlarm(alarm: Properties): readonly WatchedMetric[] {
  const { Metrics } = alarm as {
    readonly Metrics?: readonly { readonly MetricStat?: { readonly Metric: Properties } }[];
  };
  if (Metrics === undefined) return [metricOf(alarm)];
  return Metrics.flatMap(({ MetricStat }) => (MetricStat === undefined ? [] : [metricOf(MetricStat.Metric)]));
}

function metricOf({ Namespace, MetricName, Dimensions = [] }: Properties): WatchedMetric {
  const dimensions = (Dimensions as readonly { readonly Name: string; readonly Value: unknown }[]).flatMap(
    ({ Name, Value }) => [Name, known(Value)],
  );
  return { namespace: String(Namespace), name: String(MetricName), dimensions };
}

/** The body is JSON in a `Fn::Join`; each metric an array of namespace, name, dimensions and, at its end, how it is drawn. */
export function metricsOfDashboard({ DashboardBody }: Properties): readonly WatchedMetric[] {
  const { widgets } = JSON.parse(known(DashboardBody)) as {
    readonly widgets: readonly { readonly properties: { readonly metrics?: readonly (readonly unknown[])[] } }[];
  };
  return widgets
    .flatMap(({ properties }) => properties.metrics ?? [])
    .map((metric) => metric.filter((part) => typeof part === "string"))
    .flatMap(([namespace, name, ...dimensions]) =>
      namespace === undefined || name === undefined ? [] : [{ namespace, name, dimensions }],
    );
}

/** How many of ours there are: the same name with other dimensions is another metric. */
export function ownMetrics(metrics: readonly WatchedMetric[]): number {
  const ours = metrics.filter(({ namespace }) => !namespace.startsWith("AWS/"));
  return new Set(ours.map(({ name, dimensions }) => JSON.stringify([name, [...dimensions]]))).size;
}

function known(value: unknown): string {
  if (typeof value === "string") return value;
  const parts = (value as { readonly "Fn::Join"?: readonly [string, readonly unknown[]] })["Fn::Join"];
  return parts === undefined ? "?" : parts[1].map(known).join(parts[0]);
}

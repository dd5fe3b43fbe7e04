/**
 * Counters in, one line of CloudWatch's embedded metric format out: written to standard output it becomes metrics without a client,
 * a connection or rights. The names are those of METRICS, as in `/metrics` without its prefix: the namespace is the prefix here.
 * Format: "Embedded metric format specification" in the CloudWatch user guide.
 */
import type { Counters } from "./counters.ts";
import { CLOUDWATCH_METRICS, METRICS, type MetricDefinition, type MetricName } from "./metrics.ts";

export interface EmfOptions {
  readonly counters: Counters;
  readonly namespace: string;
  /** The same on every line, such as the command and the stream; at most 30 (specification). */
  readonly dimensions: Readonly<Record<string, string>>;
  /** Which of the names become metrics of CloudWatch: CLOUDWATCH_METRICS, where nothing is said. */
  readonly kept?: ReadonlySet<MetricName>;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
}

export interface Emf {
  /**
   * A line with its newline: of counters what was added since the line before, of gauges the value now. Those of `kept` become
   * metrics, the others are there for queries of the log. A metric with a label is told as the sum over its labels (each combination would
   * be a metric of its own, and paid as one), with the parts beside it.
   */
  line(): string;
}

export function createEmf({ counters, namespace, dimensions, nowMs, kept = CLOUDWATCH_METRICS }: EmfOptions): Emf {
  const told = new Map<string, number>();
  /** Added since it was told last. */
  const sinceLast = (key: string, value: number): number => {
    const added = value - (told.get(key) ?? 0);
    told.set(key, value);
    return added;
  };
  return {
    line() {
      const values: Record<string, number> = {};
      const parts: Record<string, Record<string, number>> = {};
      for (const { name, label, value } of counters.readings()) {
        const amount = METRICS[name].kind === "counter" ? sinceLast(`${name} ${label}`, value) : value;
        values[name] = (values[name] ?? 0) + amount;
        if (label !== "") parts[partsName(name)] = { ...parts[partsName(name)], [label]: amount };
      }
      const names = (Object.keys(values) as MetricName[]).filter((name) => kept.has(name));
      const directive = {
        Namespace: namespace,
        Dimensions: [Object.keys(dimensions)],
        Metrics: names.map((name) => ({ Name: name, Unit: unitOf(name) })),
      };
      const line = { _aws: { Timestamp: nowMs(), CloudWatchMetrics: [directive] }, ...dimensions, ...values, ...parts };
      return `${JSON.stringify(line)}\n`;
    },
  };
}

type EmfUnit = "Bytes" | "Seconds" | "Count" | "None";

/** CloudWatch's name of the unit that stands in the metric's own name. */
export function unitOf(name: MetricName): EmfUnit {
  if (/_bytes(_total)?$/.test(name)) return "Bytes";
  if (name.endsWith("_seconds")) return "Seconds";
  // A place in a relay's numbering counts nothing.
  return name.endsWith("_seq") ? "None" : "Count";
}

/** `reconnects_total` → `reconnects_total_by_reason`. */
function partsName(name: MetricName): string {
  const { label = "label" }: MetricDefinition = METRICS[name];
  return `${name}_by_${label}`;
}

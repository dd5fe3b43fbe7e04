/** Counts and gauges of this process, kept as plain numbers: cheap to add to, read by `/metrics` and `/status`. */
import { METRICS, type MetricName } from "./metrics.ts";

/** One value of a metric; `label` is empty where the metric has none. */
export interface Reading {
  readonly name: MetricName;
  readonly label: string;
  readonly value: number;
}

/** Counters as `/status` shows them: a number, or numbers by label. Metrics never touched are 0 or {}. */
export type CounterTotals = Readonly<Record<string, number | Readonly<Record<string, number>>>>;

export interface Counters {
  add(name: MetricName, by: number, label: string): void;
  set(name: MetricName, value: number, label: string): void;
  /** Sum over all labels. */
  total(name: MetricName): number;
  readings(): Iterable<Reading>;
  /** The counters (no gauges), by name. */
  totals(): CounterTotals;
}

export function createCounters(): Counters {
  const values = new Map<MetricName, Map<string, number>>();
  const labelsOf = (name: MetricName): Map<string, number> => {
    const known = values.get(name);
    if (known !== undefined) return known;
    const fresh = new Map<string, number>();
    values.set(name, fresh);
    return fresh;
  };
  return {
    add(name, by, label) {
      const labels = labelsOf(name);
      labels.set(label, (labels.get(label) ?? 0) + by);
    },
    set(name, value, label) {
      labelsOf(name).set(label, value);
    },
    total(name) {
      let sum = 0;
      for (const value of values.get(name)?.values() ?? []) sum += value;
      return sum;
    },
    *readings() {
      for (const [name, labels] of values) {
        for (const [label, value] of labels) yield { name, label, value };
      }
    },
    totals: () => totalsOf(values),
  };
}

function totalsOf(values: ReadonlyMap<MetricName, ReadonlyMap<string, number>>): CounterTotals {
  const totals: Record<string, number | Record<string, number>> = {};
  for (const [key, definition] of Object.entries(METRICS)) {
    if (definition.kind !== "counter") continue;
    const labels = values.get(key as MetricName);
    totals[key] = "label" in definition ? Object.fromEntries(labels ?? []) : (labels?.get("") ?? 0);
  }
  return totals;
}

/** Counters in, the text of `/metrics` out. */
import { Counter, Gauge, Registry } from "prom-client";
import type { Counters } from "./counters.ts";
import { METRICS, type MetricDefinition, type MetricName } from "./metrics.ts";

const PREFIX = "standpipe_";

export interface MetricsPage {
  readonly contentType: string;
  text(): Promise<string>;
}

/** A registry that holds every metric of METRICS, and reads the counters anew on each scrape. */
export function createMetricsPage(counters: Counters): MetricsPage {
  const registry = new Registry();
  const write = new Map<MetricName, (label: string, value: number) => void>();
  for (const [key, definition] of Object.entries(METRICS)) {
    write.set(key as MetricName, register(registry, key, definition));
  }
  return {
    contentType: registry.contentType,
    text() {
      registry.resetMetrics();
      for (const { name, label, value } of counters.readings()) write.get(name)?.(label, value);
      return registry.metrics();
    },
  };
}

function register(
  registry: Registry,
  name: string,
  definition: MetricDefinition,
): (label: string, value: number) => void {
  const { label: labelName } = definition;
  const options = {
    name: `${PREFIX}${name}`,
    help: definition.help,
    labelNames: labelName === undefined ? [] : [labelName],
    registers: [registry],
  };
  const labels = (label: string): Record<string, string> => (labelName === undefined ? {} : { [labelName]: label });
  switch (definition.kind) {
    case "counter": {
      const counter = new Counter(options);
      return (label, value) => counter.inc(labels(label), value);
    }
    case "gauge": {
      const gauge = new Gauge(options);
      return (label, value) => gauge.set(labels(label), value);
    }
  }
}

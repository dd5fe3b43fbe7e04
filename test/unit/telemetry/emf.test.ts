import { expect, test } from "vitest";
import { createCounters } from "../../../lib/telemetry/counters.ts";
import { createEmf, unitOf } from "../../../lib/telemetry/emf.ts";
import { CLOUDWATCH_METRICS_WITH_STANDBY, METRICS, type MetricName } from "../../../lib/telemetry/metrics.ts";
import { createMetricsPage } from "../../../lib/telemetry/prometheus.ts";

interface Line {
  readonly _aws: {
    readonly Timestamp: number;
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
    }[];
  };
  readonly [name: string]: unknown;
}

function emfOf(counters = createCounters()) {
  const emf = createEmf({
    counters,
    namespace: "Standpipe",
    dimensions: { command: "ingest" },
    nowMs: () => 1_700_000_000_000,
  });
  return { counters, line: () => JSON.parse(emf.line()) as Line };
}

test("a line names namespace, dimensions and metrics with their units, and holds their values", () => {
  const { counters, line } = emfOf();
  counters.add("put_records_total", 3, "");
  counters.set("lag_seconds", 1.5, "");
  counters.set("in_flight_bytes", 100, "");
  expect(line()).toEqual({
    _aws: {
      Timestamp: 1_700_000_000_000,
      CloudWatchMetrics: [
        {
          Namespace: "Standpipe",
          Dimensions: [["command"]],
          Metrics: [
            { Name: "put_records_total", Unit: "Count" },
            { Name: "lag_seconds", Unit: "Seconds" },
            { Name: "in_flight_bytes", Unit: "Bytes" },
          ],
        },
      ],
    },
    command: "ingest",
    put_records_total: 3,
    lag_seconds: 1.5,
    in_flight_bytes: 100,
  });
});

test("keeps whether a standby waits where it is said, and for nobody else: each metric is paid", () => {
  const counters = createCounters();
  counters.set("standby", 1, "");
  const namesOf = (kept?: ReadonlySet<MetricName>) => {
    const emf = createEmf({ counters, namespace: "Standpipe", dimensions: {}, nowMs: () => 0, ...(kept && { kept }) });
    const { _aws, standby } = JSON.parse(emf.line()) as Line;
    return [standby, _aws.CloudWatchMetrics[0]?.Metrics.map(({ Name }) => Name)];
  };
  expect(namesOf()).toEqual([1, []]);
  expect(namesOf(CLOUDWATCH_METRICS_WITH_STANDBY)).toEqual([1, ["standby"]]);
});

test("counters are what was added since the line before, gauges the value now", () => {
  const { counters, line } = emfOf();
  counters.add("packs_total", 3, "");
  counters.set("lag_seconds", 9, "");
  line();
  counters.add("packs_total", 2, "");
  expect(line()).toMatchObject({ packs_total: 2, lag_seconds: 9 });
  expect(line()).toMatchObject({ packs_total: 0, lag_seconds: 9 });
});

test("labels are one metric, their sum, with the parts beside it", () => {
  const { counters, line } = emfOf();
  counters.add("gaps_total", 2, "missing-pack");
  counters.add("gaps_total", 5, "outdated-cursor");
  const first = line();
  expect(first._aws.CloudWatchMetrics[0]?.Metrics).toEqual([{ Name: "gaps_total", Unit: "Count" }]);
  expect(first).toMatchObject({
    gaps_total: 7,
    gaps_total_by_reason: { "missing-pack": 2, "outdated-cursor": 5 },
  });
  counters.add("gaps_total", 1, "outdated-cursor");
  expect(line()).toMatchObject({
    gaps_total: 1,
    gaps_total_by_reason: { "missing-pack": 0, "outdated-cursor": 1 },
  });
});

test("what nobody looks at in CloudWatch is in the line, and paid as no metric", () => {
  const { counters, line } = emfOf();
  counters.set("resident_bytes", 100, "");
  counters.add("put_retries_total", 2, "InternalFailure");
  const told = line();
  expect(told).toMatchObject({ resident_bytes: 100, put_retries_total: 2 });
  expect(told._aws.CloudWatchMetrics[0]?.Metrics).toEqual([]);
});

test("the names are those of /metrics, each with its unit", async () => {
  const { counters, line } = emfOf();
  for (const name of Object.keys(METRICS) as MetricName[]) {
    if (METRICS[name].kind === "counter") counters.add(name, 1, "label" in METRICS[name] ? "some" : "");
    else counters.set(name, 1, "");
  }
  const page = await createMetricsPage(counters).text();
  const scraped = Array.from(page.matchAll(/^# TYPE standpipe_(\w+) (?:counter|gauge)$/gm), ([, name = ""]) => name);
  const told = Object.entries(line()).flatMap(([name, value]) => (typeof value === "number" ? [name] : []));
  expect(told.toSorted()).toEqual(scraped.toSorted());
  // A counter says so, a gauge says its unit or is a number of things.
  const unitless = scraped.filter((name) => !/_(total|seconds|bytes|seq)$/.test(name));
  expect(unitless.toSorted()).toEqual([
    "connected",
    "database_connected",
    "open_dead_letters",
    "recorded_gaps",
    "retrying_lanes",
    "standby",
    "stored_records",
    "stream_events",
    "stream_group_lag",
    "unread_entries",
  ]);
});

test("every metric fits one directive, and its unit is the one in its name", () => {
  const names = Object.keys(METRICS) as MetricName[];
  // The specification's limit of metrics in a directive.
  expect(names.length).toBeLessThanOrEqual(100);
  expect(names.filter((name) => unitOf(name) === "Bytes")).toEqual(names.filter((name) => /bytes/.test(name)));
  expect(names.filter((name) => unitOf(name) === "Seconds")).toEqual(names.filter((name) => /seconds/.test(name)));
  expect(unitOf("cursor_seq")).toBe("None");
});

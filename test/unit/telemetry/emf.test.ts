import { expect, test } from "vitest";
import { createCounters } from "../../../lib/telemetry/counters.ts";
import { createEmf, unitOf } from "../../../lib/telemetry/emf.ts";
import { METRICS, type MetricName } from "../../../lib/telemetry/metrics.ts";

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
  counters.add("packs_total", 3, "");
  counters.set("lag_seconds", 1.5, "");
  counters.set("resident_bytes", 100, "");
  expect(line()).toEqual({
    _aws: {
      Timestamp: 1_700_000_000_000,
      CloudWatchMetrics: [
        {
          Namespace: "Standpipe",
          Dimensions: [["command"]],
          Metrics: [
            { Name: "packs_total", Unit: "Count" },
            { Name: "lag_seconds", Unit: "Seconds" },
            { Name: "resident_bytes", Unit: "Bytes" },
          ],
        },
      ],
    },
    command: "ingest",
    packs_total: 3,
    lag_seconds: 1.5,
    resident_bytes: 100,
  });
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
  counters.add("put_retries_total", 2, "InternalFailure");
  counters.add("put_retries_total", 5, "ETIMEDOUT");
  const first = line();
  expect(first._aws.CloudWatchMetrics[0]?.Metrics).toEqual([{ Name: "put_retries_total", Unit: "Count" }]);
  expect(first).toMatchObject({
    put_retries_total: 7,
    put_retries_total_by_reason: { InternalFailure: 2, ETIMEDOUT: 5 },
  });
  counters.add("put_retries_total", 1, "ETIMEDOUT");
  expect(line()).toMatchObject({
    put_retries_total: 1,
    put_retries_total_by_reason: { InternalFailure: 0, ETIMEDOUT: 1 },
  });
});

test("every metric fits one directive, and its unit is the one in its name", () => {
  const names = Object.keys(METRICS) as MetricName[];
  // The specification's limit of metrics in a directive.
  expect(names.length).toBeLessThanOrEqual(100);
  expect(names.filter((name) => unitOf(name) === "Bytes")).toEqual(names.filter((name) => /bytes/.test(name)));
  expect(names.filter((name) => unitOf(name) === "Seconds")).toEqual(names.filter((name) => /seconds/.test(name)));
  expect(unitOf("cursor_seq")).toBe("None");
});

import { expect, test } from "vitest";
import { createCounters } from "../../../lib/telemetry/counters.ts";
import { METRICS } from "../../../lib/telemetry/metrics.ts";
import { createMetricsPage } from "../../../lib/telemetry/prometheus.ts";

test("counters are numbers, or numbers by reason, also before anything happened", () => {
  const counters = createCounters();
  counters.add("packs_total", 2, "");
  counters.add("dead_letters_total", 1, "hash-mismatch");
  counters.add("dead_letters_total", 2, "missing-block");
  counters.set("cursor_seq", 9, "");
  expect(counters.totals()).toMatchObject({
    packs_total: 2,
    dead_letters_total: { "hash-mismatch": 1, "missing-block": 2 },
    gaps_total: {},
    malformed_frames_total: 0,
  });
  expect(counters.totals()).not.toHaveProperty("cursor_seq");
  expect(counters.total("dead_letters_total")).toBe(3);
});

test("/metrics names every metric with its help, and its values once however often it is read", async () => {
  const counters = createCounters();
  const page = createMetricsPage(counters);
  counters.add("received_events_total", 3, "commit");
  counters.set("lag_seconds", 1.5, "");
  await page.text();
  const text = await page.text();
  for (const [name, { help }] of Object.entries(METRICS)) expect(text).toContain(`# HELP standpipe_${name} ${help}`);
  expect(text).toContain('standpipe_received_events_total{kind="commit"} 3');
  expect(text).toContain("standpipe_lag_seconds 1.5");
  expect(text).toContain("standpipe_packs_total 0");
});

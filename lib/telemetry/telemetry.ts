/** The Telemetry of a process: its counters and its log, as the parts see them. */
import type { Counters } from "./counters.ts";
import type { Log, Telemetry } from "./port.ts";

export function createTelemetry(parts: { readonly counters: Counters; readonly log: Log }): Telemetry {
  const { counters, log } = parts;
  return {
    count: (name, by = 1, reason = "") => counters.add(name, by, reason),
    gauge: (name, value, label = "") => counters.set(name, value, label),
    log,
  };
}

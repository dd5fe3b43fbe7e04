/** How the parts tell what happens: counts by name, and log lines with fields. No part knows where they go. */
import type { MetricName } from "./metrics.ts";

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  /** `error` is the fault itself: its causes are printed too. */
  error(message: string, fields?: LogFields & { readonly error?: string }): void;
}

export interface Telemetry {
  /** Adds to a counter; `reason` becomes its label. */
  count(name: MetricName, by?: number, reason?: string): void;
  /** Sets a gauge. */
  gauge(name: MetricName, value: number, label?: string): void;
  readonly log: Log;
}

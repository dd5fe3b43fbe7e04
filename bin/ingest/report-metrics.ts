/** The metrics of a process on its standard output, each minute, where a namespace is set. */
import type { Counters } from "../../lib/telemetry/counters.ts";
import { createEmf } from "../../lib/telemetry/emf.ts";
import type { MetricName } from "../../lib/telemetry/metrics.ts";
import type { OutputStream } from "../command-context.ts";

export interface ReportOptions {
  readonly counters: Counters;
  /** Null: nothing is reported. */
  readonly namespace: string | null;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly kept: ReadonlySet<MetricName>;
  readonly out: OutputStream;
}

/** CloudWatch's usual resolution: alarms look at minutes. */
const REPORT_EVERY_MS = 60_000;

/** Until disposed of, which reports what was counted since the last minute. */
export function reportMetrics({ counters, namespace, dimensions, kept, out }: ReportOptions): Disposable {
  if (namespace === null) return { [Symbol.dispose]: () => undefined };
  const emf = createEmf({ counters, namespace, dimensions, kept, nowMs: Date.now });
  const report = (): void => void out.write(emf.line());
  const timer = setInterval(report, REPORT_EVERY_MS);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      report();
    },
  };
}

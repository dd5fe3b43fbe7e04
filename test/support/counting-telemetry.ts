/** A Telemetry that keeps its counts and lines, for tests that look at what is told. */
import type { MetricName } from "../../lib/telemetry/metrics.ts";
import type { LogFields, Telemetry } from "../../lib/telemetry/port.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: LogFields;
}

export class CountingTelemetry implements Telemetry {
  readonly lines: LogLine[] = [];
  readonly #counts = new Map<string, number>();
  readonly log = {
    debug: this.#line("debug"),
    info: this.#line("info"),
    warn: this.#line("warn"),
    error: this.#line("error"),
  };

  count(name: MetricName, by = 1, reason = ""): void {
    const key = `${name} ${reason}`;
    this.#counts.set(key, this.counted(name, reason) + by);
  }

  gauge(): void {}

  counted(name: MetricName, reason = ""): number {
    return this.#counts.get(`${name} ${reason}`) ?? 0;
  }

  #line(level: LogLine["level"]) {
    return (message: string, fields: LogFields = {}): void => {
      this.lines.push({ level, message, fields });
    };
  }
}

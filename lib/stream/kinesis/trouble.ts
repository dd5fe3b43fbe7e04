/** Failed attempts in, what a person is told of them out: each reason once in the log, then counts and gauges. */
import type { Telemetry } from "../../telemetry/port.ts";

export interface Failure {
  readonly code: string;
  readonly message: string;
}

export interface TroubleOptions {
  readonly telemetry: Telemetry;
  /** Told what is wrong in one line, and null when nothing is any more. */
  readonly onTrouble: (trouble: string | null) => void;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** A lane that fails so often in a row is trouble; a throttled second now and then is daily life, and only counted. */
const TROUBLE_AFTER_FAILURES = 3;
/** The same reason is told again after so long. */
const TELL_EVERY_MS = 60_000;

export class Trouble {
  readonly #options: TroubleOptions;
  /** Failures in a row, by lane; none for lanes that are well. */
  readonly #failures = new Map<number, number>();
  readonly #toldAtMs = new Map<string, number>();
  #trouble: string | null = null;

  constructor(options: TroubleOptions) {
    this.#options = options;
  }

  /** Returns how many failures in a row the lane has had by now. */
  failed(lane: number, failure: Failure): number {
    const { telemetry } = this.#options;
    const failures = (this.#failures.get(lane) ?? 0) + 1;
    this.#failures.set(lane, failures);
    telemetry.count("put_retries_total", 1, failure.code);
    telemetry.gauge("retrying_lanes", this.#failures.size);
    this.#tell(lane, failure);
    if (failures >= TROUBLE_AFTER_FAILURES) this.#set(`${failure.code}: ${failure.message}`);
    return failures;
  }

  succeeded(lane: number): void {
    if (!this.#failures.delete(lane)) return;
    this.#options.telemetry.gauge("retrying_lanes", this.#failures.size);
    if (![...this.#failures.values()].some((failures) => failures >= TROUBLE_AFTER_FAILURES)) this.#set(null);
  }

  #tell(lane: number, { code, message }: Failure): void {
    const { telemetry, nowMs } = this.#options;
    const toldAtMs = this.#toldAtMs.get(code);
    if (toldAtMs !== undefined && nowMs() - toldAtMs < TELL_EVERY_MS) return;
    this.#toldAtMs.set(code, nowMs());
    telemetry.log.warn("the stream does not take a record; trying again until it does", { lane, error: message, code });
  }

  #set(trouble: string | null): void {
    if (trouble === null && this.#trouble !== null) this.#options.telemetry.log.info("the stream takes records again");
    this.#trouble = trouble;
    this.#options.onTrouble(trouble);
  }
}

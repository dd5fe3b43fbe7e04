/** Failed and slow calls of all lanes in, what a person is told of them out: one reason at a time in the log, counts, and what is wrong now. */
import type { Telemetry } from "../../telemetry/port.ts";
import { TELL_EVERY_MS, TROUBLE_AFTER_FAILURES } from "./limits.ts";

export interface TroubleOptions {
  readonly telemetry: Telemetry;
  /** Told what is wrong in one line, and null when nothing is any more. */
  readonly onTrouble: (trouble: string | null) => void;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

export interface Failure {
  /** The error's own name: a metric's label. */
  readonly code: string;
  readonly message: string;
}

export class Trouble {
  readonly #options: TroubleOptions;
  /** What is wrong, by lane. */
  readonly #troubles = new Map<number, string>();
  readonly #toldAtMs = new Map<string, number>();

  constructor(options: TroubleOptions) {
    this.#options = options;
  }

  /** `failures`: of this lane, in a row. */
  failed(lane: number, { code, message }: Failure, failures: number): void {
    const { telemetry } = this.#options;
    telemetry.count("batch_retries_total", 1, code);
    this.#tell(lane, { code, message });
    if (failures >= TROUBLE_AFTER_FAILURES) this.#set(lane, `the function: ${code}: ${message}`);
  }

  slow(lane: number, seconds: number): void {
    this.#set(lane, `the function has not answered for ${seconds} s`);
  }

  succeeded(lane: number): void {
    if (!this.#troubles.delete(lane)) return;
    if (this.#troubles.size === 0) this.#options.telemetry.log.info("the function takes packs again");
    this.#options.onTrouble(this.#troubles.values().next().value ?? null);
  }

  #set(lane: number, trouble: string): void {
    this.#troubles.set(lane, trouble);
    this.#options.onTrouble(trouble);
  }

  #tell(lane: number, { code, message }: Failure): void {
    const { telemetry, nowMs } = this.#options;
    const toldAtMs = this.#toldAtMs.get(code);
    if (toldAtMs !== undefined && nowMs() - toldAtMs < TELL_EVERY_MS) return;
    this.#toldAtMs.set(code, nowMs());
    telemetry.log.warn("the function has not applied packs; giving them to it until it does", {
      lane,
      code,
      error: message,
    });
  }
}

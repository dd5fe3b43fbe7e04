/** Counts of the hot path, kept in plain numbers and handed to telemetry once an interval. What the sink takes, the sink counts. */
import type { Telemetry } from "../../telemetry/port.ts";

export type IgnoredReason = "repeat" | "unknown-kind" | "info";

export class Tally {
  readonly #telemetry: Telemetry;
  #frames = 0;
  #bytes = 0;
  readonly #ignored: Record<IgnoredReason, number> = { repeat: 0, "unknown-kind": 0, info: 0 };

  /** When the newest frame came, Unix milliseconds. */
  lastFrameAtMs: number | null = null;

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
  }

  frame(byteLength: number, atMs: number): void {
    this.lastFrameAtMs = atMs;
    this.#frames += 1;
    this.#bytes += byteLength;
  }

  ignored(reason: IgnoredReason): void {
    this.#ignored[reason] += 1;
  }

  flush(): void {
    if (this.#frames > 0) {
      this.#telemetry.count("received_frames_total", this.#frames);
      this.#telemetry.count("received_bytes_total", this.#bytes);
    }
    this.#frames = 0;
    this.#bytes = 0;
    for (const [reason, count] of drain(this.#ignored)) this.#telemetry.count("ignored_frames_total", count, reason);
  }
}

function* drain<K extends string>(counts: Record<K, number>): Generator<[K, number]> {
  for (const key of Object.keys(counts) as K[]) {
    const count = counts[key];
    counts[key] = 0;
    if (count > 0) yield [key, count];
  }
}

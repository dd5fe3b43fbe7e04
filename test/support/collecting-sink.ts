/** An EventSink that writes down what it is given, in order, and says "no room" when a test wants. */
import type { Gap, RelayPosition } from "../../lib/core/cursor.ts";
import type { FirehoseEvent } from "../../lib/core/event.ts";
import type { EventSink } from "../../lib/firehose/port.ts";

export type SinkStep =
  | { readonly kind: "event"; readonly event: FirehoseEvent }
  | { readonly kind: "enter"; readonly position: RelayPosition }
  | { readonly kind: "gap"; readonly gap: Gap };

export class CollectingSink implements EventSink {
  readonly steps: SinkStep[] = [];
  /** Calls of `room` that have not resolved. */
  waits = 0;
  waited = 0;
  #full = false;
  #room = Promise.withResolvers<void>();

  get seqs(): number[] {
    return this.events.map(({ seq }) => seq);
  }

  get events(): FirehoseEvent[] {
    return this.steps.flatMap((step) => (step.kind === "event" ? [step.event] : []));
  }

  get gaps(): Gap[] {
    return this.steps.flatMap((step) => (step.kind === "gap" ? [step.gap] : []));
  }

  get positions(): RelayPosition[] {
    return this.steps.flatMap((step) => (step.kind === "enter" ? [step.position] : []));
  }

  fill(): void {
    this.#full = true;
    this.#room = Promise.withResolvers<void>();
  }

  drain(): void {
    this.#full = false;
    this.#room.resolve();
  }

  accept(event: FirehoseEvent): boolean {
    this.steps.push({ kind: "event", event });
    return !this.#full;
  }

  async room(signal: AbortSignal): Promise<void> {
    if (!this.#full) return;
    this.waits += 1;
    this.waited += 1;
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([this.#room.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.waits -= 1;
    }
  }

  async enter(position: RelayPosition): Promise<void> {
    this.steps.push({ kind: "enter", position });
  }

  async recordGap(gap: Gap): Promise<void> {
    this.steps.push({ kind: "gap", gap });
  }
}

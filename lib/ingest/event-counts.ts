/** Counts that are taken for every event and told a few times a second. */
import type { FirehoseEvent } from "../core/event.ts";
import type { Telemetry } from "../telemetry/port.ts";

const KINDS: readonly FirehoseEvent["kind"][] = ["commit", "sync", "identity", "account", "rejected"];

export class EventCounts {
  readonly #received = { commit: 0, sync: 0, identity: 0, account: 0, rejected: 0 };
  #filteredOps = 0;

  received(kind: FirehoseEvent["kind"]): void {
    this.#received[kind]++;
  }

  filteredOps(count: number): void {
    this.#filteredOps += count;
  }

  tell(telemetry: Telemetry): void {
    for (const kind of KINDS) {
      if (this.#received[kind] > 0) telemetry.count("received_events_total", this.#received[kind], kind);
      this.#received[kind] = 0;
    }
    if (this.#filteredOps > 0) telemetry.count("filtered_ops_total", this.#filteredOps);
    this.#filteredOps = 0;
  }
}

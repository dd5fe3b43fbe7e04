/** A stream and a checkpoint that a test holds in its hands: it decides what becomes durable when. */
import type { Checkpoint } from "../../lib/checkpoint/port.ts";
import type { SavedCursor } from "../../lib/core/cursor.ts";
import type { IdentityEvent } from "../../lib/core/event.ts";
import type { Pack } from "../../lib/core/pack.ts";
import type { PackWriter } from "../../lib/stream/port.ts";
import type { MetricName } from "../../lib/telemetry/metrics.ts";
import type { Telemetry } from "../../lib/telemetry/port.ts";

export interface HeldPack {
  readonly pack: Pack;
  readonly complete: () => void;
  readonly refuse: (error: Error) => void;
}

/** Holds every pack until the test completes it; throws if a lane has two in flight. */
export class HeldWriter implements PackWriter {
  readonly held: HeldPack[] = [];
  readonly durable: Pack[] = [];

  append(pack: Pack): Promise<void> {
    if (this.held.some((other) => other.pack.header.lane === pack.header.lane)) throw new Error("two packs in flight");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = () => this.held.splice(this.held.indexOf(entry), 1);
    const entry: HeldPack = {
      pack,
      complete: () => {
        leave();
        this.durable.push(pack);
        resolve();
      },
      refuse: (error) => {
        leave();
        reject(error);
      },
    };
    this.held.push(entry);
    return promise;
  }

  completeAll(): void {
    for (const entry of this.held.slice()) entry.complete();
  }
}

/** Keeps cursors as a real one must; `trouble` makes its saves fail, `takeOver` fences the ingest under test. */
export class TestCheckpoint implements Checkpoint {
  readonly saves: SavedCursor[] = [];
  trouble: Error | null = null;
  onSave: (cursor: SavedCursor) => void = () => undefined;
  #fence = 0;

  acquire(): Promise<{ readonly fence: number }> {
    this.#fence++;
    return Promise.resolve({ fence: this.#fence });
  }

  takeOver(): void {
    this.#fence++;
  }

  load(relay: string): Promise<SavedCursor | null> {
    return Promise.resolve(this.saves.findLast((cursor) => cursor.relay === relay) ?? null);
  }

  lastDurableTimeMs(): Promise<number | null> {
    return Promise.resolve(null);
  }

  save(cursor: SavedCursor, { fence }: { readonly fence: number }): Promise<"saved" | "fenced"> {
    if (this.trouble !== null) return Promise.reject(this.trouble);
    if (fence < this.#fence) return Promise.resolve("fenced");
    this.onSave(cursor);
    this.saves.push(cursor);
    return Promise.resolve("saved");
  }
}

/** Adds up what is counted, by name and reason; keeps the log's messages. */
export class TestTelemetry implements Telemetry {
  readonly counts = new Map<string, number>();
  readonly gauges = new Map<MetricName, number>();
  readonly messages: string[] = [];
  readonly log = {
    debug: (message: string) => this.#note(message),
    info: (message: string) => this.#note(message),
    warn: (message: string) => this.#note(message),
    error: (message: string) => this.#note(message),
  };

  count(name: MetricName, by = 1, reason?: string): void {
    const key = reason === undefined ? name : `${name} ${reason}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + by);
  }

  gauge(name: MetricName, value: number): void {
    this.gauges.set(name, value);
  }

  #note(message: string): void {
    this.messages.push(message);
  }
}

export function identityEvent(seq: number, did = "did:web:example.com"): IdentityEvent {
  return { kind: "identity", seq, did, timeMs: seq * 1000, receivedAtMs: seq * 1000 + 5, handle: null };
}

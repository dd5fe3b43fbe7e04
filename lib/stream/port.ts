/** The stream between ingest and consume: packs go in durably and come out in order, lane by lane. */
import type { SavedCursor } from "../core/cursor.ts";
import type { Pack } from "../core/pack.ts";

export interface PackWriter {
  /**
   * Resolves once the pack is durable (memory: once it has been applied). The caller keeps one pack in flight a lane, so
   * that a retry cannot overtake. Transient trouble is retried inside without limit; rejects only when closed or fenced.
   */
  append(pack: Pack): Promise<void>;
}

/** Packs handed to one consumer. No lane is in two open deliveries at a time. */
export interface Delivery {
  /** In order within each lane. */
  readonly packs: readonly Pack[];
  /** They are applied (or dead letters): durable in the database. */
  acknowledge(): void;
  /** Could not be applied now: they come again, in order, before later packs of their lanes. */
  release(): void;
}

export interface PackReader {
  /** Waits for packs; null once the stream is closed and empty. Rejects with the signal's reason when it aborts. */
  read(options: { readonly maxEvents: number; readonly signal: AbortSignal }): Promise<Delivery | null>;
}

/** What was taken from the relay up to one moment, in the form that the stream carries. */
export interface Cut<Item> {
  readonly items: readonly Item[];
  /** With these items, and those of the cuts before, everything up to it is there. */
  readonly cursor: SavedCursor;
}

/** A stream that keeps the cursor beside its entries: both move in one transaction, so that no crash parts them. */
export interface CutWriter<Item> {
  /**
   * Resolves once items and cursor are durable. The caller keeps one cut in flight. Transient trouble is retried inside without limit, and no
   * retry writes anything twice; rejects when closed, when a newer process has taken over, or when the stream has lost what was written.
   */
  append(cut: Cut<Item>): Promise<void>;
}

/** FirehoseEvents in, cuts out to a stream that keeps the cursor beside its entries: the use case between a source and such a stream. */
import { setTimeout as pause } from "node:timers/promises";
import type { Checkpoint } from "../checkpoint/port.ts";
import type { CollectionFilter } from "../core/collection-filter.ts";
import { type Gap, type RelayPosition, type SavedCursor, SetBackError } from "../core/cursor.ts";
import type { FirehoseEvent } from "../core/event.ts";
import type { CutWriter } from "../stream/port.ts";
import type { Telemetry } from "../telemetry/port.ts";
import { ByteBudget } from "./byte-budget.ts";
import type { CutBuilder } from "./cut-builder.ts";
import { FencedError, IngestClosedError } from "./errors.ts";
import { EventCounts } from "./event-counts.ts";
import { createEventFilter, type EventFilter } from "./event-filter.ts";
import { datedMs, type Ingest, type IngestState } from "./ingest.ts";
import { untilAborted } from "./until-aborted.ts";

export interface CutIngestOptions<Item> {
  readonly fence: number;
  readonly builder: CutBuilder<Item>;
  readonly writer: CutWriter<Item>;
  readonly checkpoint: Checkpoint;
  /** Writes a gap into the ledger; resolves when it is durable. */
  readonly recordGap: (gap: Gap) => Promise<void>;
  readonly keepsCollection: CollectionFilter;
  /** How old an open cut may become, unless one is on its way. */
  readonly maxAgeMs: number;
  readonly maxInFlightBytes: number;
  /** Told of each event as it is taken, after the filter. */
  readonly onEvent?: (event: FirehoseEvent) => void;
  readonly telemetry: Telemetry;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
}

/** Between two attempts to save a cursor without a cut. */
const SAVE_AGAIN_MS = 500;
/** Gauges and counts. */
const TELL_EVERY_MS = 1_000;

export function createCutIngest<Item>(options: CutIngestOptions<Item>): Ingest {
  return new SerialIngest(options);
}

/**
 * One cut is on its way at a time, and what comes meanwhile grows into the next: a slow stream gets fewer and larger cuts. A cut has everything
 * up to its last event, so that its cursor is exact, and after a crash nothing that is in the stream comes again.
 */
class SerialIngest<Item> implements Ingest {
  readonly #options: CutIngestOptions<Item>;
  readonly #budget: ByteBudget;
  readonly #counts = new EventCounts();
  readonly #failure = Promise.withResolvers<Error>();
  readonly #ended = Promise.withResolvers<Error>();
  readonly #filter: EventFilter;
  readonly #tick: NodeJS.Timeout;
  #timer: NodeJS.Timeout | null = null;
  #position: RelayPosition | null = null;
  #received: { readonly seq: number; readonly timeMs: number | null } | null = null;
  #durable: SavedCursor | null = null;
  #openBytes = 0;
  /** Sealed cuts and those on their way; settles when all are durable. */
  #tail: Promise<void> = Promise.resolve();
  #cutsUnderWay = 0;
  #durableCuts = 0;
  #isLooking = false;
  #fault: Error | null = null;

  constructor(options: CutIngestOptions<Item>) {
    this.#options = options;
    this.#filter = createEventFilter(options.keepsCollection, this.#counts);
    this.#budget = new ByteBudget(options.maxInFlightBytes);
    this.#tick = setInterval(() => this.#tell(), TELL_EVERY_MS);
  }

  get fence(): number {
    return this.#options.fence;
  }

  get failed(): Promise<Error> {
    return this.#failure.promise;
  }

  accept(event: FirehoseEvent, frame?: Uint8Array): boolean {
    if (this.#fault !== null) throw this.#fault;
    if (this.#position === null) throw new RangeError("an event came before the first enter()");
    const { builder, maxAgeMs, onEvent } = this.#options;
    const kept = this.#filter(event);
    const bytes = builder.append(kept, frame ?? null, this.#position);
    this.#received = { seq: event.seq, timeMs: datedMs(event) ?? this.#received?.timeMs ?? null };
    this.#counts.received(event.kind);
    onEvent?.(kept);
    this.#openBytes += bytes;
    if (builder.isFull) this.#seal();
    else if (this.#cutsUnderWay === 0) this.#timer ??= setTimeout(() => this.#seal(), maxAgeMs);
    return this.#budget.take(bytes);
  }

  room(signal: AbortSignal): Promise<void> {
    return this.#budget.room(signal);
  }

  async enter(position: RelayPosition): Promise<void> {
    const { signal } = new AbortController();
    await this.flush(signal);
    this.#position = position;
    this.#received = null;
    // Before the first event is taken: a process that dies with it in hand goes on here, and not at whatever is live by then.
    await this.#save({ ...position, timeMs: null }, signal);
    this.#options.telemetry.log.info("reading", { relay: position.relay, epoch: position.epoch, after: position.seq });
  }

  async recordGap(gap: Gap): Promise<void> {
    await this.#options.recordGap(gap);
    this.#options.telemetry.count("gaps_total", 1, gap.reason);
  }

  async flush(signal: AbortSignal): Promise<void> {
    if (this.#fault !== null) throw this.#fault;
    this.#seal();
    await untilAborted(signal, [this.#tail, this.#throwWhenEnded()]);
  }

  /** The cursor has gone with the last cut. */
  drain(signal: AbortSignal): Promise<void> {
    return this.flush(signal);
  }

  state(): IngestState {
    const durable = this.#durable;
    return {
      relay: this.#position?.relay ?? null,
      epoch: this.#position?.epoch ?? null,
      cursor: durable === null || durable.seq === 0 ? null : durable.seq,
      eventTimeMs: durable?.timeMs ?? null,
      receivedSeq: this.#received?.seq ?? null,
      bytesInFlight: this.#budget.usedBytes,
      durablePacks: this.#durableCuts,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#stop(new IngestClosedError());
    return Promise.resolve();
  }

  #seal(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const { builder, writer, fence } = this.#options;
    const [position, received] = [this.#position, this.#received];
    if (builder.count === 0 || position === null || received === null || this.#fault !== null) return;
    const { relay, epoch } = position;
    const cut = { items: builder.seal(position, fence), cursor: { relay, epoch, ...received } };
    const bytes = this.#openBytes;
    this.#openBytes = 0;
    this.#cutsUnderWay++;
    this.#tail = this.#tail.then(async () => {
      await writer.append(cut);
      this.#cutDurable(cut.cursor, bytes);
    });
    this.#tail.catch((fault: Error) => this.#fail(fault));
  }

  #cutDurable(cursor: SavedCursor, bytes: number): void {
    this.#durable = cursor;
    this.#durableCuts++;
    this.#cutsUnderWay--;
    this.#counts.tell(this.#options.telemetry);
    this.#budget.give(bytes);
    if (this.#cutsUnderWay === 0 && this.#options.builder.count > 0) this.#seal();
  }

  /** Again and again while the checkpoint is away. */
  async #save(cursor: SavedCursor, signal: AbortSignal): Promise<void> {
    const { checkpoint, fence, telemetry } = this.#options;
    for (;;) {
      try {
        const saved = await untilAborted(signal, [checkpoint.save(cursor, { fence }), this.#throwWhenEnded()]);
        if (saved === "fenced") this.#fail(new FencedError(fence));
        if (this.#fault !== null) throw this.#fault;
        this.#durable = cursor;
        telemetry.count("cursor_saves_total");
        return;
      } catch (error) {
        if (error instanceof SetBackError) this.#fail(error);
        if (this.#fault !== null) throw error;
        telemetry.log.warn("the cursor could not be saved", { error: String(error) });
      }
      await untilAborted(signal, [pause(SAVE_AGAIN_MS), this.#throwWhenEnded()]);
    }
  }

  #tell(): void {
    const { telemetry, nowMs } = this.#options;
    const { cursor, receivedSeq, bytesInFlight, eventTimeMs } = this.state();
    this.#counts.tell(telemetry);
    telemetry.gauge("in_flight_bytes", bytesInFlight);
    if (cursor !== null) telemetry.gauge("cursor_seq", cursor);
    if (receivedSeq !== null) telemetry.gauge("received_seq", receivedSeq);
    if (eventTimeMs !== null) telemetry.gauge("lag_seconds", (nowMs() - eventTimeMs) / 1000);
    if (this.#durable !== null && this.#cutsUnderWay === 0 && !this.#isLooking) this.#look(this.#durable);
  }

  /** A quiet relay brings no cut that would notice that the stream has lost what it took, or is another process' by now. */
  #look(durable: SavedCursor): void {
    const { checkpoint, fence } = this.#options;
    this.#isLooking = true;
    // In turn: a cut under way would be taken for a loss.
    this.#tail = this.#tail.then(async () => {
      try {
        if ((await checkpoint.save(durable, { fence })) === "fenced") this.#fail(new FencedError(fence));
      } catch (error) {
        if (error instanceof SetBackError) this.#fail(error);
      } finally {
        this.#isLooking = false;
      }
    });
  }

  #fail(fault: Error): void {
    if (this.#fault !== null) return;
    this.#options.telemetry.log.error("ingest has ended", { error: fault.message });
    this.#stop(fault);
    this.#failure.resolve(fault);
  }

  #stop(fault: Error): void {
    this.#fault ??= fault;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    clearInterval(this.#tick);
    this.#counts.tell(this.#options.telemetry);
    this.#budget.fail(fault);
    this.#ended.resolve(fault);
  }

  async #throwWhenEnded(): Promise<never> {
    throw await this.#ended.promise;
  }
}

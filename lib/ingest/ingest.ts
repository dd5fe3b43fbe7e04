/** FirehoseEvents in, Packs out to a stream, and behind them the cursor: the use case between a source and a stream. */
import { setTimeout as pause } from "node:timers/promises";
import type { Checkpoint } from "../checkpoint/port.ts";
import type { CollectionFilter } from "../core/collection-filter.ts";
import type { Gap, RelayPosition, SavedCursor } from "../core/cursor.ts";
import type { FirehoseEvent } from "../core/event.ts";
import { laneOf } from "../core/lane.ts";
import { LowWater } from "../core/low-water.ts";
import { MAX_SEAL_BYTES, PACK_LIMITS, type Pack } from "../core/pack.ts";
import type { EventSink } from "../firehose/port.ts";
import type { PackWriter } from "../stream/port.ts";
import type { Telemetry } from "../telemetry/port.ts";
import { ByteBudget } from "./byte-budget.ts";
import { CursorSaver } from "./cursor-saver.ts";
import { FencedError, IngestClosedError } from "./errors.ts";
import { EventCounts } from "./event-counts.ts";
import { createEventFilter, type EventFilter } from "./event-filter.ts";
import { FlushSchedule } from "./flush-schedule.ts";
import { LaneWriter } from "./lane-writer.ts";
import { untilAborted } from "./until-aborted.ts";

/** A pack goes when the first of these is reached. */
export interface FlushLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
  /** 0: at the next turn of the event loop, unless the lane's last pack is still on its way. */
  readonly maxAgeMs: number;
}

export interface IngestOptions {
  /** A constant of the deployment. */
  readonly lanes: number;
  readonly writer: PackWriter;
  readonly checkpoint: Checkpoint;
  /** Writes a gap into the ledger; resolves when it is durable. */
  readonly recordGap: (gap: Gap) => Promise<void>;
  /** Collections whose ops are kept. What is filtered out of a commit leaves the commit itself, which advances its repo. */
  readonly keepsCollection: CollectionFilter;
  readonly flush: FlushLimits;
  /** Bytes accepted and not yet durable, past which `accept` says stop. */
  readonly maxInFlightBytes: number;
  readonly saveEveryMs: number;
  readonly telemetry: Telemetry;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
}

/** A snapshot for status and watchdog. */
export interface IngestState {
  /** Where events count at present; null before the first `enter`. */
  readonly relay: string | null;
  readonly epoch: number | null;
  /** Everything up to it is durable; null before the first. */
  readonly cursor: number | null;
  /** The sender's time at the cursor, Unix milliseconds. */
  readonly eventTimeMs: number | null;
  readonly receivedSeq: number | null;
  readonly bytesInFlight: number;
  /** Grows with every pack that becomes durable. */
  readonly durablePacks: number;
}

export interface Ingest extends EventSink, AsyncDisposable {
  readonly fence: number;
  /** Resolves with what ended it (fenced, stream refused); pending as long as all is well. */
  readonly failed: Promise<Error>;
  /** Sends what is open at once; resolves when all that was accepted is durable. */
  flush(signal: AbortSignal): Promise<void>;
  /** `flush`, and the cursor saved: nothing will come again after a stop. */
  drain(signal: AbortSignal): Promise<void>;
  state(): IngestState;
}

/** Takes over the cursor and is ready for `enter`. Rejects as `checkpoint.acquire` does, and for limits no reader takes. */
export async function createIngest(options: IngestOptions): Promise<Ingest> {
  const { maxEvents, maxBytes } = options.flush;
  if (maxEvents < 1 || maxEvents > PACK_LIMITS.maxEvents) throw new RangeError(`flush.maxEvents: ${maxEvents}`);
  if (maxBytes < 1 || maxBytes > MAX_SEAL_BYTES) throw new RangeError(`flush.maxBytes: ${maxBytes}`);
  const { fence } = await options.checkpoint.acquire({ lanes: options.lanes });
  return new LaneIngest(options, fence);
}

class LaneIngest implements Ingest {
  readonly fence: number;
  readonly #options: IngestOptions;
  readonly #lanes: readonly LaneWriter[];
  readonly #budget: ByteBudget;
  readonly #schedule: FlushSchedule;
  readonly #saver: CursorSaver;
  readonly #counts = new EventCounts();
  readonly #tick: NodeJS.Timeout;
  readonly #failure = Promise.withResolvers<Error>();
  /** As `failed`, and also when it was disposed of. */
  readonly #ended = Promise.withResolvers<Error>();
  readonly #filter: EventFilter;
  #position: RelayPosition | null = null;
  #lowWater: LowWater;
  #receivedSeq: number | null = null;
  #durablePacks = 0;
  #fault: Error | null = null;

  constructor(options: IngestOptions, fence: number) {
    const { lanes, writer, checkpoint, flush, telemetry } = options;
    this.#options = options;
    this.fence = fence;
    this.#filter = createEventFilter(options.keepsCollection, this.#counts);
    const onDurable = (lane: LaneWriter, pack: Pack, bytes: number) => this.#durable(lane, pack, bytes);
    const onFault = (fault: Error) => this.#fail(fault);
    this.#lanes = Array.from(
      { length: lanes },
      (_, lane) => new LaneWriter({ lane, lanes, fence, writer, onDurable, onFault }),
    );
    this.#lowWater = new LowWater(lanes, { seq: 0, timeMs: null });
    this.#budget = new ByteBudget(options.maxInFlightBytes);
    this.#schedule = new FlushSchedule({ maxAgeMs: flush.maxAgeMs, onDue: (lane) => this.#seal(lane) });
    this.#saver = new CursorSaver({ checkpoint, fence, telemetry });
    this.#tick = setInterval(() => this.#onTick(), options.saveEveryMs);
  }

  get failed(): Promise<Error> {
    return this.#failure.promise;
  }

  accept(event: FirehoseEvent): boolean {
    if (this.#fault !== null) throw this.#fault;
    if (this.#position === null) throw new RangeError("an event came before the first enter()");
    const lane = this.#lanes[laneOf(event.did, this.#lanes.length)];
    if (lane === undefined) throw new RangeError(`no lane for ${event.did}`);
    const bytes = lane.append(this.#filter(event));
    this.#lowWater.accept(lane.lane, event.seq, datedMs(event));
    this.#receivedSeq = event.seq;
    this.#counts.received(event.kind);
    if (lane.count === 1) this.#schedule.opened(lane);
    const { maxEvents, maxBytes } = this.#options.flush;
    if (lane.count >= maxEvents || lane.byteLength >= maxBytes) this.#seal(lane);
    return this.#budget.take(bytes);
  }

  room(signal: AbortSignal): Promise<void> {
    return this.#budget.room(signal);
  }

  async enter(position: RelayPosition): Promise<void> {
    const { signal } = new AbortController();
    await this.drain(signal);
    this.#position = position;
    this.#lowWater = new LowWater(this.#lanes.length, { seq: position.seq, timeMs: null });
    this.#receivedSeq = null;
    // Before the first event is taken: a process that dies with it in hand goes on here, and not at whatever is live by then.
    await this.#saveCursor(signal);
    this.#options.telemetry.log.info("reading", { relay: position.relay, epoch: position.epoch, after: position.seq });
  }

  async recordGap(gap: Gap): Promise<void> {
    await this.#options.recordGap(gap);
    this.#options.telemetry.count("gaps_total", 1, gap.reason);
  }

  async flush(signal: AbortSignal): Promise<void> {
    if (this.#fault !== null) throw this.#fault;
    for (const lane of this.#schedule.lanes()) this.#seal(lane);
    await untilAborted(signal, [Promise.all(this.#lanes.map(({ tail }) => tail)), this.#throwWhenEnded()]);
  }

  async drain(signal: AbortSignal): Promise<void> {
    await this.flush(signal);
    await this.#saveCursor(signal);
  }

  /** Again and again while the checkpoint is away. */
  async #saveCursor(signal: AbortSignal): Promise<void> {
    for (;;) {
      const hasSaved = await untilAborted(signal, [this.#save(), this.#throwWhenEnded()]);
      if (hasSaved) return;
      await untilAborted(signal, [pause(this.#options.saveEveryMs), this.#throwWhenEnded()]);
    }
  }

  state(): IngestState {
    const mark = this.#lowWater.mark();
    return {
      relay: this.#position?.relay ?? null,
      epoch: this.#position?.epoch ?? null,
      cursor: mark.seq === 0 ? null : mark.seq,
      eventTimeMs: mark.timeMs,
      receivedSeq: this.#receivedSeq,
      bytesInFlight: this.#budget.usedBytes,
      durablePacks: this.#durablePacks,
    };
  }

  /** Stops at once; what is not durable will come again. `drain` before it ends cleanly. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#stop(new IngestClosedError());
    return Promise.resolve();
  }

  #seal(lane: LaneWriter): void {
    if (this.#position === null) return;
    this.#schedule.closed(lane);
    this.#lowWater.seal(lane.lane);
    lane.seal(this.#position);
  }

  #durable(lane: LaneWriter, pack: Pack, bytes: number): void {
    this.#lowWater.durable(lane.lane);
    this.#durablePacks++;
    this.#options.telemetry.count("packs_total");
    this.#options.telemetry.count("packed_bytes_total", pack.body.length);
    this.#counts.tell(this.#options.telemetry);
    this.#budget.give(bytes);
    this.#schedule.freed(lane);
  }

  #onTick(): void {
    const { telemetry, nowMs } = this.#options;
    const { cursor, receivedSeq, bytesInFlight, eventTimeMs } = this.state();
    this.#counts.tell(telemetry);
    telemetry.gauge("in_flight_bytes", bytesInFlight);
    if (cursor !== null) telemetry.gauge("cursor_seq", cursor);
    if (receivedSeq !== null) telemetry.gauge("received_seq", receivedSeq);
    if (eventTimeMs !== null) telemetry.gauge("lag_seconds", (nowMs() - eventTimeMs) / 1000);
    void this.#save();
  }

  /** False where the checkpoint is away: harmless, an older cursor only means a longer replay. Being fenced ends the ingest. */
  async #save(): Promise<boolean> {
    try {
      await this.#saver.save(() => this.#cursor());
      return true;
    } catch (error) {
      if (error instanceof FencedError) this.#fail(error);
      else this.#options.telemetry.log.warn("the cursor could not be saved", { error: String(error) });
      return false;
    }
  }

  #cursor(): SavedCursor | null {
    if (this.#position === null || this.#fault !== null) return null;
    const { relay, epoch } = this.#position;
    return { relay, epoch, ...this.#lowWater.mark() };
  }

  #fail(fault: Error): void {
    if (this.#fault !== null) return;
    this.#options.telemetry.log.error("ingest has failed", { error: fault.message });
    this.#stop(fault);
    this.#failure.resolve(fault);
  }

  #stop(fault: Error): void {
    this.#fault ??= fault;
    for (const lane of this.#lanes) lane.stop();
    this.#counts.tell(this.#options.telemetry);
    clearInterval(this.#tick);
    this.#schedule[Symbol.dispose]();
    this.#budget.fail(fault);
    this.#ended.resolve(fault);
  }

  async #throwWhenEnded(): Promise<never> {
    throw await this.#ended.promise;
  }
}

/** The sender's time, as far as our own clock lets it be true: a mark in the future would have another relay entered too late. */
export function datedMs({ timeMs, receivedAtMs }: FirehoseEvent): number | null {
  return timeMs === null ? null : Math.min(timeMs, receivedAtMs);
}

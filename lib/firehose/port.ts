/** What a source of events offers, and what it needs from the one who takes them. */
import type { Gap, RelayPosition, SavedCursor } from "../core/cursor.ts";
import type { FirehoseEvent } from "../core/event.ts";

/** Takes events in the order of their seq. */
export interface EventSink {
  /**
   * Takes one event, and the frame that it came in for whoever writes more of it than an event holds. False: the byte budget is spent,
   * stop reading until `room()` resolves. The event is taken either way.
   */
  accept(event: FirehoseEvent, frame?: Uint8Array): boolean;
  /** Resolves when there is room again (at once if there is); rejects with the signal's reason when it aborts. */
  room(signal: AbortSignal): Promise<void>;
  /**
   * From here on events count in another relay's numbering, or another epoch of it. Resolves when everything that was
   * accepted before is durable and its cursor saved. `position.seq` is where reading starts.
   */
  enter(position: RelayPosition): Promise<void>;
  /** Writes a span that may be missing into the ledger; resolves when it is durable. */
  recordGap(gap: Gap): Promise<void>;
}

/** The saved cursors, as far as a source needs them. */
export interface CursorReader {
  /** The newest epoch's cursor of this relay, or null. */
  load(relay: string): Promise<SavedCursor | null>;
  /** The event time of the cursor that was saved last, of any relay, Unix milliseconds; null on a first start. */
  lastDurableTimeMs(): Promise<number | null>;
}

/** A snapshot for status and metrics. */
export interface SourceState {
  /** Host of the relay in use (or tried last). */
  readonly relay: string;
  readonly connected: boolean;
  /** Why it is not connected, in one line for a person; null when it is. */
  readonly trouble: string | null;
  readonly receivedSeq: number | null;
  /** The sender's time of the newest event, Unix milliseconds. */
  readonly eventTimeMs: number | null;
  /** When the newest frame came, Unix milliseconds. */
  readonly lastFrameAtMs: number | null;
  readonly paused: boolean;
}

export interface FirehoseSource {
  /**
   * Reads until the signal aborts (resolves then), reconnecting for ever. Rejects only on a fault that no retry mends:
   * a sink that failed, or a setting that can never work.
   */
  run(sink: EventSink, signal: AbortSignal): Promise<void>;
  state(): SourceState;
}

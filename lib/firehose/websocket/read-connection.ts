/** An open websocket → events in the sink, until the connection ends; says how it ended. */
import type { WebSocket } from "ws";
import { decodeMessage } from "../../core/decode-event.ts";
import type { FirehoseEvent, RejectedEvent } from "../../core/event.ts";
import type { Log, Telemetry } from "../../telemetry/port.ts";
import type { EventSink } from "../port.ts";
import { closeSocket } from "./close-socket.ts";
import { describeNetworkError } from "./connect.ts";
import { FrameGate } from "./frame-gate.ts";
import { closeGap, outdatedGap, type Progress, placeOf } from "./progress.ts";
import type { SourceClock, WebsocketSettings } from "./settings.ts";
import type { Strikes } from "./strikes.ts";
import type { Tally } from "./tally.ts";
import { Watchdog } from "./watchdog.ts";

export type EndReason =
  | "aborted"
  /** The other side closed, or the network did. */
  | "closed"
  /** Our ping was not answered. */
  | "dead"
  /** A busy relay sent nothing any more. */
  | "silent"
  | "malformed"
  | "oversize"
  | "future-cursor"
  | "too-slow"
  /** Another error frame. */
  | "error-frame";

export interface ConnectionEnd {
  readonly reason: EndReason;
  readonly detail: string;
  /** It lasted long enough to forget earlier failures. */
  readonly proven: boolean;
  /** Events that were new. */
  readonly events: number;
  /** Its silence is suspicious from now on. */
  readonly busy: boolean;
}

export interface ReadOptions {
  /** Open and paused. */
  readonly socket: WebSocket;
  readonly sink: EventSink;
  readonly progress: Progress;
  readonly strikes: Strikes;
  readonly tally: Tally;
  readonly telemetry: Telemetry;
  readonly settings: WebsocketSettings;
  readonly clock: SourceClock;
  /** This host was busy on an earlier connection. */
  readonly busyRelay: boolean;
  /** Told when reading pauses for want of room and when it goes on. */
  readonly onPaused: (paused: boolean) => void;
  readonly signal: AbortSignal;
}

/** So many repeats in a row are no overlap after a reconnect any more: somebody should know. */
const TELLING_REPEATS = 10_000;

/** Resolves when the connection has ended; rejects with what the sink threw. */
export async function readConnection(options: ReadOptions): Promise<ConnectionEnd> {
  return new ConnectionReader(options).read();
}

class ConnectionReader {
  readonly #options: ReadOptions;
  readonly #log: Log;
  readonly #end = Promise.withResolvers<ConnectionEnd>();
  #ended = false;
  /** The other side is gone: a close would not be answered either. */
  #unanswered = false;
  readonly #gate: FrameGate;
  #socketError: (Error & { readonly code?: string }) | null = null;
  #frames = 0;
  #pongs = 0;
  #events = 0;
  #repeatsInARow = 0;
  readonly #openedAtMs: number;
  readonly #watchdog: Watchdog;

  constructor(options: ReadOptions) {
    this.#options = options;
    this.#log = options.telemetry.log;
    this.#openedAtMs = options.clock.monotonicMs();
    this.#watchdog = new Watchdog(options.settings, { nowMs: this.#openedAtMs, busy: options.busyRelay });
    this.#gate = new FrameGate({
      take: (frame) => this.#take(frame),
      pause: () => options.socket.pause(),
      resume: () => this.#readOn(),
      fail: (fault) => this.#fail(fault),
    });
  }

  async read(): Promise<ConnectionEnd> {
    const { socket, signal, settings, tally } = this.#options;
    const onAbort = (): void => this.#finish("aborted", "stopped");
    const watch = setInterval(() => this.#watch(), settings.watchIntervalMs);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("message", (data, binary) => this.#onMessage(data as Buffer, binary));
    socket.on("ping", () => this.#heard());
    socket.on("pong", () => {
      this.#pongs += 1;
      this.#heard();
    });
    socket.on("error", (error) => {
      this.#socketError = error;
    });
    socket.once("close", (code, why) => this.#onClose(code, why.toString("utf8")));
    if (signal.aborted) onAbort();
    else socket.resume();
    try {
      return await this.#end.promise;
    } finally {
      clearInterval(watch);
      signal.removeEventListener("abort", onAbort);
      tally.flush();
      await closeSocket(socket, { politely: !this.#unanswered });
    }
  }

  #onMessage(data: Buffer, binary: boolean): void {
    if (this.#ended) return;
    this.#frames += 1;
    const { clock, tally } = this.#options;
    this.#watchdog.frame(clock.monotonicMs());
    tally.frame(data.length, clock.nowMs());
    if (!binary)
      return this.#finish("error-frame", `text frame: ${JSON.stringify(data.subarray(0, 120).toString("utf8"))}`);
    this.#gate.offer(data);
  }

  #take(frame: Uint8Array): void {
    const { settings, clock, tally } = this.#options;
    if (frame.length > settings.maxFrameBytes) return this.#strikeOversize(frame);
    const message = decodeMessage(frame, clock.nowMs());
    switch (message.kind) {
      case "event":
        return this.#takeEvent(message.event, frame);
      case "info":
        return this.#takeInfo(message.name, message.message);
      case "error":
        return this.#takeError(message.error, message.message);
      case "unknown":
        return tally.ignored("unknown-kind");
      case "malformed":
        return this.#strikeMalformed(frame, `${message.reason} at byte ${message.offset}`);
    }
  }

  #takeEvent(event: FirehoseEvent, frame: Uint8Array): void {
    const { progress, tally } = this.#options;
    if (progress.seq !== null && event.seq <= progress.seq) {
      tally.ignored("repeat");
      this.#repeatsInARow += 1;
      if (this.#repeatsInARow === TELLING_REPEATS) {
        this.#log.warn("relay keeps sending events that were already received", {
          seq: event.seq,
          receivedSeq: progress.seq,
        });
      }
      return;
    }
    this.#repeatsInARow = 0;
    this.#deliver(event, frame);
  }

  #takeInfo(name: string, message: string | null): void {
    const { progress, tally } = this.#options;
    tally.ignored("info");
    // With seq 0 we asked for the oldest there is, so that this tells nothing new.
    if (name !== "OutdatedCursor" || progress.seq === null || progress.seq === 0) {
      return this.#log.info("relay says", { name, message: message ?? undefined });
    }
    this.#log.warn("cursor is older than the relay's window: events are missing", {
      relay: progress.relay.host,
      afterSeq: progress.seq,
    });
    progress.gap ??= outdatedGap(progress, message);
  }

  #takeError(error: string, message: string | null): void {
    const detail = message === null ? error : `${error}: ${message.slice(0, 200)}`;
    if (error === "FutureCursor") return this.#finish("future-cursor", detail);
    if (error === "ConsumerTooSlow") return this.#finish("too-slow", detail);
    this.#finish("error-frame", detail);
  }

  #strikeMalformed(frame: Uint8Array, detail: string): void {
    const { strikes, progress, settings, telemetry } = this.#options;
    const strike = strikes.add(frame, placeOf(progress));
    telemetry.count("malformed_frames_total");
    if (strike < settings.strikes)
      return this.#finish("malformed", `frame after seq ${progress.seq} cannot be decoded: ${detail}`);
    // More strikes than that: it was set aside on an earlier connection, and comes again with each.
    if (strike > settings.strikes) return this.#options.tally.ignored("repeat");
    this.#setAside(frame, "undecodable-frame", detail);
  }

  #strikeOversize(frame: Uint8Array | "oversize"): void {
    const { strikes, progress, settings, telemetry } = this.#options;
    const strike = strikes.add("oversize", placeOf(progress));
    telemetry.count("malformed_frames_total");
    const limit = `frame after seq ${progress.seq} is longer than ${settings.maxFrameBytes} bytes`;
    if (frame === "oversize" || strike < settings.strikes) return this.#finish("oversize", limit);
    if (strike > settings.strikes) return this.#options.tally.ignored("repeat");
    const detail = `frame of ${frame.length} bytes; the first ${settings.maxFrameBytes} are kept`;
    this.#setAside(frame.subarray(0, settings.maxFrameBytes), "over-limit", detail);
  }

  #setAside(frame: Uint8Array, reason: RejectedEvent["reason"], detail: string): void {
    const { progress, clock } = this.#options;
    const seq = progress.seq ?? 0;
    this.#log.warn("frame set aside as a dead letter", { relay: progress.relay.host, seqBefore: seq, reason, detail });
    // A copy: the frame is a view of a whole socket read, and this one is kept longer.
    const rawFrame = Uint8Array.from(frame);
    const receivedAtMs = clock.nowMs();
    this.#deliver({ kind: "rejected", seq, did: "", timeMs: null, receivedAtMs, reason, detail, rawFrame }, rawFrame);
  }

  #deliver(event: FirehoseEvent, frame: Uint8Array): void {
    const { progress } = this.#options;
    if (progress.entered && progress.gap === null) return this.#accept(event, frame);
    this.#gate.holdFor(() => this.#arrive(event, frame));
  }

  /** The first event of a numbering or after a gap: the sink learns of both before it gets the event. */
  async #arrive(event: FirehoseEvent, frame: Uint8Array): Promise<void> {
    const { progress, sink } = this.#options;
    // The gap first: were we to die in between, the cursor would still stand before it and it would be found again.
    if (progress.gap !== null) {
      await sink.recordGap(closeGap(progress, progress.gap, event));
      progress.gap = null;
    }
    if (!progress.entered) {
      const seq = progress.seq ?? Math.max(0, event.seq - 1);
      await sink.enter({ relay: progress.relay.host, epoch: progress.epoch, seq });
      progress.entered = true;
    }
    if (!this.#acceptNow(event, frame)) await this.#waitForRoom();
  }

  #accept(event: FirehoseEvent, frame: Uint8Array): void {
    if (!this.#acceptNow(event, frame)) this.#gate.holdFor(() => this.#waitForRoom());
  }

  #acceptNow(event: FirehoseEvent, frame: Uint8Array): boolean {
    const { progress, sink } = this.#options;
    const room = sink.accept(event, frame);
    this.#events += 1;
    progress.seq = Math.max(progress.seq ?? 0, event.seq);
    progress.timeMs = event.timeMs ?? progress.timeMs;
    return room;
  }

  async #waitForRoom(): Promise<void> {
    this.#options.onPaused(true);
    try {
      await this.#options.sink.room(this.#options.signal);
    } finally {
      this.#options.onPaused(false);
    }
  }

  #readOn(): void {
    // What was on the wire meanwhile has not been heard: the watchdog starts anew.
    this.#watchdog.frame(this.#options.clock.monotonicMs());
    this.#options.socket.resume();
  }

  #heard(): void {
    this.#watchdog.heard(this.#options.clock.monotonicMs());
  }

  #watch(): void {
    const { clock, settings, socket, tally, telemetry, progress } = this.#options;
    tally.flush();
    if (progress.seq !== null) telemetry.gauge("received_seq", progress.seq);
    // While we do not read, nothing can be heard.
    if (this.#gate.hold !== null || this.#ended) return;
    switch (this.#watchdog.judge(clock.monotonicMs())) {
      case "fine":
        return;
      case "ping":
        return socket.ping();
      case "dead":
        this.#unanswered = true;
        return this.#finish("dead", `no answer to a ping for ${settings.pongTimeoutMs} ms`);
      case "silent":
        return this.#finish("silent", `a busy relay sent nothing for ${settings.silenceLimitMs} ms`);
    }
  }

  #onClose(code: number, why: string): void {
    // Frames that still wait came before the close: they move the place that a strike counts for.
    if (this.#gate.hold !== null && !this.#ended) {
      void this.#gate.hold.then(() => this.#onClose(code, why));
      return;
    }
    if (this.#socketError?.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH")
      return this.#guard(() => this.#strikeOversize("oversize"));
    if (this.#socketError !== null) return this.#finish("closed", describeNetworkError(this.#socketError));
    this.#finish("closed", `closed with ${code}${why === "" ? "" : ` (${JSON.stringify(why.slice(0, 120))})`}`);
  }

  #finish(reason: EndReason, detail: string): void {
    if (this.#ended) return;
    const { clock, settings } = this.#options;
    // What the sink was waited for with must be over before another connection hands it events; a stop waits for nothing.
    if (reason !== "aborted" && this.#gate.hold !== null) {
      void this.#gate.hold.then(() => this.#finish(reason, detail));
      return;
    }
    this.#ended = true;
    this.#gate.close();
    const proven = clock.monotonicMs() - this.#openedAtMs >= settings.provenAfterMs && this.#frames + this.#pongs > 0;
    this.#end.resolve({ reason, detail, proven, events: this.#events, busy: this.#watchdog.busy });
  }

  #fail(fault: unknown): void {
    if (this.#ended) return;
    if (this.#options.signal.aborted) return this.#finish("aborted", "stopped");
    this.#ended = true;
    this.#gate.close();
    this.#end.reject(fault);
  }

  /** What the sink throws ends the run; an event handler must not throw it into the socket. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (fault) {
      this.#fail(fault);
    }
  }
}

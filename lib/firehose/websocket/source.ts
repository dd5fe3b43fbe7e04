/** A list of relays → events in the sink, for as long as it is asked: connect, read, and after every end decide how to go on. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Telemetry } from "../../telemetry/port.ts";
import type { CursorReader, EventSink, FirehoseSource, SourceState } from "../port.ts";
import { chooseEntry } from "./choose-entry.ts";
import { connect } from "./connect.ts";
import { nextEpoch, type Progress, placeOf } from "./progress.ts";
import { type ConnectionEnd, type ReadOptions, readConnection } from "./read-connection.ts";
import {
  afterFailure,
  afterProvenConnection,
  type Failure,
  FRESH_RETRY_STATE,
  type Retry,
} from "./reconnect-schedule.ts";
import { InvalidRelayError, parseRelayAddress, type RelayAddress, subscribeUrl } from "./relay-address.ts";
import { DEFAULT_WEBSOCKET_SETTINGS, type SourceClock, type WebsocketSettings } from "./settings.ts";
import { Strikes } from "./strikes.ts";
import { Tally } from "./tally.ts";

export interface WebsocketSourceOptions {
  /** `wss://host`, `ws://host:port`, also http(s); tried in turn, one that works is kept. At least one. */
  readonly relays: readonly string[];
  readonly cursors: CursorReader;
  readonly telemetry: Telemetry;
  readonly clock?: SourceClock;
  /** What differs from DEFAULT_WEBSOCKET_SETTINGS. */
  readonly settings?: Partial<WebsocketSettings>;
}

const SYSTEM_CLOCK: SourceClock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  random: () => Math.random(),
};

/** Throws InvalidRelayError where a relay's URL can never work. */
export function createWebsocketSource(options: WebsocketSourceOptions): FirehoseSource {
  return new WebsocketSource(options);
}

/** Why there is no connection, and what that means for the next. */
interface Setback {
  /** Label of `reconnects_total`. */
  readonly reason: string;
  readonly detail: string;
  readonly retry: Retry;
}

class WebsocketSource implements FirehoseSource {
  readonly #relays: readonly RelayAddress[];
  readonly #cursors: CursorReader;
  readonly #telemetry: Telemetry;
  readonly #clock: SourceClock;
  readonly #settings: WebsocketSettings;
  readonly #tally: Tally;
  readonly #strikes = new Strikes();
  /** Hosts that were seen sending all the time. */
  readonly #busyHosts = new Set<string>();
  #retry = FRESH_RETRY_STATE;
  /** Of the relay being tried; null until its entry is chosen. */
  #progress: Progress | null = null;
  /** The numbering that the sink counts in: what was received of it is in flight, so memory knows better than the saved cursor. */
  #entered: Progress | null = null;
  #futureCursors = 0;
  #connected = false;
  #paused = false;
  #trouble: string | null = "not started";

  constructor({ relays, cursors, telemetry, clock, settings }: WebsocketSourceOptions) {
    if (relays.length === 0) throw new InvalidRelayError("no relay is named");
    this.#relays = relays.map((relay) => parseRelayAddress(relay));
    this.#cursors = cursors;
    this.#telemetry = telemetry;
    this.#clock = clock ?? SYSTEM_CLOCK;
    this.#settings = { ...DEFAULT_WEBSOCKET_SETTINGS, ...settings };
    this.#tally = new Tally(telemetry);
  }

  async run(sink: EventSink, signal: AbortSignal): Promise<void> {
    this.#trouble = "connecting";
    while (!signal.aborted) {
      const setback = await this.#attempt(sink, signal);
      this.#setConnected(false);
      if (setback === null) break;
      this.#tell(setback);
      await sleep(setback.retry.delayMs, undefined, { signal }).catch(() => undefined);
    }
    this.#trouble = "stopped";
  }

  state(): SourceState {
    const progress = this.#progress ?? this.#entered;
    return {
      relay: this.#relay.host,
      connected: this.#connected,
      trouble: this.#connected ? null : this.#trouble,
      receivedSeq: progress?.seq ?? null,
      eventTimeMs: progress?.timeMs ?? null,
      lastFrameAtMs: this.#tally.lastFrameAtMs,
      paused: this.#paused,
    };
  }

  get #relay(): RelayAddress {
    const relay = this.#relays[this.#retry.relay];
    if (relay === undefined) throw new RangeError(`no relay ${this.#retry.relay}`);
    return relay;
  }

  /** One connection from its start to its end; null once the signal has aborted. */
  async #attempt(sink: EventSink, signal: AbortSignal): Promise<Setback | null> {
    const entry = await this.#chooseEntry(signal);
    if (signal.aborted) return null;
    if (typeof entry === "string") return this.#failure("no-entry", entry);
    this.#progress = entry;
    const url = subscribeUrl(entry.relay, entry.seq);
    // An oversize frame is read once, on the connection of its last strike, so that it can be set aside.
    const wide = this.#strikes.oversizeAt(placeOf(entry)) >= this.#settings.strikes - 1;
    const maxPayloadBytes = wide ? this.#settings.maxOversizeBytes : this.#settings.maxFrameBytes;
    const connection = await connect({
      url,
      maxPayloadBytes,
      settings: this.#settings,
      nowMs: this.#clock.nowMs,
      signal,
    });
    if (!connection.ok)
      return signal.aborted
        ? null
        : this.#failure("refused", connection.detail, { retryAfterMs: connection.retryAfterMs });
    this.#setConnected(true);
    this.#telemetry.log.info("connected to relay", { relay: entry.relay.host, cursor: entry.seq });
    if (connection.url.host !== url.host) {
      this.#telemetry.log.warn("relay redirects to another host; cursors are kept under the first", {
        relay: url.host,
        host: connection.url.host,
      });
    }
    const end = await this.#read({ socket: connection.socket, progress: entry, sink, signal });
    return this.#afterEnd(end, entry);
  }

  /** The place where this relay is read on, or why none can be found now. */
  async #chooseEntry(signal: AbortSignal): Promise<Progress | string> {
    const relay = this.#relay;
    if (this.#progress?.relay === relay) return this.#progress;
    if (this.#entered?.relay === relay) return this.#entered;
    try {
      const entry = await chooseEntry({
        relay,
        cursors: this.#cursors,
        receivedTimeMs: this.#entered?.timeMs ?? null,
        settings: this.#settings,
        clock: this.#clock,
        log: this.#telemetry.log,
        signal,
      });
      return entry.ok ? entry.progress : entry.detail;
    } catch (fault) {
      // The database that keeps them may be away: that passes.
      return `saved cursors cannot be read: ${fault instanceof Error ? fault.message : String(fault)}`;
    }
  }

  #read(taken: Pick<ReadOptions, "socket" | "progress" | "sink" | "signal">): Promise<ConnectionEnd> {
    return readConnection({
      ...taken,
      strikes: this.#strikes,
      tally: this.#tally,
      telemetry: this.#telemetry,
      settings: this.#settings,
      clock: this.#clock,
      busyRelay: this.#busyHosts.has(taken.progress.relay.host),
      onPaused: (paused) => {
        this.#paused = paused;
      },
    });
  }

  #afterEnd(end: ConnectionEnd, progress: Progress): Setback | null {
    if (progress.entered) this.#entered = progress;
    if (end.busy) this.#busyHosts.add(progress.relay.host);
    if (end.events > 0 || end.reason !== "future-cursor") this.#futureCursors = 0;
    switch (end.reason) {
      case "aborted":
        return null;
      case "too-slow":
        // It says nothing against the relay; only where nothing new was read between two of them is there reason to wait.
        return end.events > 0 ? this.#atOnce(end) : this.#failure(end.reason, end.detail);
      case "future-cursor":
        return this.#afterFutureCursor(end, progress);
      case "silent":
        return end.events > 0
          ? this.#afterConnection(end)
          : this.#failure(end.reason, end.detail, { giveUpRelay: true });
      case "closed":
      case "dead":
      case "malformed":
      case "oversize":
      case "error-frame":
        return this.#afterConnection(end);
    }
  }

  #afterFutureCursor(end: ConnectionEnd, progress: Progress): Setback {
    this.#futureCursors += 1;
    // Without a cursor of ours (live, or the oldest) the relay cannot mean it.
    const ours = progress.seq !== null && progress.seq > 0;
    if (!ours || this.#futureCursors < this.#settings.futureCursorConfirmations)
      return this.#failure(end.reason, end.detail);
    this.#futureCursors = 0;
    this.#progress = nextEpoch(progress);
    this.#telemetry.log.warn("relay began a new numbering", {
      relay: progress.relay.host,
      epoch: this.#progress.epoch,
      afterSeq: progress.seq,
    });
    return this.#atOnce(end);
  }

  #afterConnection(end: ConnectionEnd): Setback {
    if (!end.proven) return this.#failure(end.reason, end.detail);
    const retry = afterProvenConnection(this.#retry, this.#clock.random(), this.#settings);
    return { reason: end.reason, detail: end.detail, retry };
  }

  #atOnce(end: ConnectionEnd): Setback {
    return { reason: end.reason, detail: end.detail, retry: { state: this.#retry, delayMs: 0 } };
  }

  #failure(reason: string, detail: string, hints: Partial<Omit<Failure, "random">> = {}): Setback {
    const failure = { random: this.#clock.random(), retryAfterMs: null, giveUpRelay: false, ...hints };
    return { reason, detail, retry: afterFailure(this.#retry, failure, this.#relays.length, this.#settings) };
  }

  #tell({ reason, detail, retry }: Setback): void {
    const { log } = this.#telemetry;
    const from = this.#relay;
    this.#telemetry.count("reconnects_total", 1, reason);
    this.#trouble = `${from.host}: ${detail}`;
    log.warn("not connected to relay", {
      relay: from.host,
      reason,
      detail,
      retryInMs: retry.delayMs,
      receivedSeq: this.#progress?.seq,
    });
    this.#retry = retry.state;
    if (this.#relay === from) return;
    this.#progress = null;
    log.warn("trying the next relay", { relay: this.#relay.host, after: from.host });
  }

  #setConnected(connected: boolean): void {
    this.#connected = connected;
    this.#telemetry.gauge("connected", connected ? 1 : 0);
  }
}

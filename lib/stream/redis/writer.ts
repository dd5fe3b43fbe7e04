/** Cuts in, entries of Redis streams out: entries and cursor in one transaction, once, in order; durable when `append` resolves. */
import { type SavedCursor, SetBackError } from "../../core/cursor.ts";
import type { Telemetry } from "../../telemetry/port.ts";
import type { Cut, CutWriter } from "../port.ts";
import { backoffMs, pause } from "./backoff.ts";
import type { EntryForm, StreamEntry } from "./entry-form.ts";
import { explainRedis, RedisClosedError, RedisFencedError, RedisStreamError } from "./errors.ts";
import type { StreamRoom } from "./keep-room.ts";
import { REDIS_WAITS, type RedisWaits } from "./waits.ts";

/** Who moves entries and cursor together: the checkpoint that holds the cursor. */
export interface EntryLedger {
  /** The same call once more after a rejection writes nothing twice. */
  write(what: {
    readonly entries: readonly StreamEntry[];
    readonly cursor: SavedCursor;
    readonly keys: readonly string[];
    readonly maxLength: number | null;
  }): Promise<
    | { readonly kind: "written"; readonly lengths: readonly number[]; readonly dropped: number }
    | { readonly kind: "fenced" }
    | { readonly kind: "set-back" }
  >;
}

export interface RedisWriterOptions<Item> {
  readonly ledger: EntryLedger;
  readonly form: EntryForm<Item>;
  readonly room: StreamRoom;
  /** Trims to so many entries whoever has not read them, and never waits; null: never loses any. */
  readonly maxLength: number | null;
  readonly telemetry: Telemetry;
  readonly waits?: RedisWaits;
  /** A random number in [0, 1), for the jitter of the waits. */
  readonly random: () => number;
  /** Told why the stream takes nothing, in one line, and null when it does again. */
  readonly onTrouble: (trouble: string | null) => void;
}

/** Disposing rejects what is not durable yet. */
export interface RedisWriter<Item> extends CutWriter<Item>, Disposable {
  /** Takes no more cuts; those under way go on. */
  close(): void;
}

export function createRedisWriter<Item>(options: RedisWriterOptions<Item>): RedisWriter<Item> {
  return new TransactionWriter(options);
}

class TransactionWriter<Item> implements RedisWriter<Item> {
  readonly #options: RedisWriterOptions<Item>;
  readonly #waits: RedisWaits;
  readonly #disposing = new AbortController();
  #tail: Promise<void> = Promise.resolve();
  /** Also while nothing is written: a server that is full takes nothing before something is trimmed. */
  readonly #looking: NodeJS.Timeout;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  #isTroubled = false;

  constructor(options: RedisWriterOptions<Item>) {
    this.#options = options;
    this.#waits = options.waits ?? REDIS_WAITS;
    this.#looking = setInterval(() => void this.#lookWhenDue(), this.#waits.lookEveryMs).unref();
  }

  append(cut: Cut<Item>): Promise<void> {
    if (this.#isClosed) return Promise.reject(new RedisClosedError());
    const appended = this.#tail.then(() => this.#append(cut));
    // A cut that is refused for good leaves the writer refused: none may overtake it.
    this.#tail = appended;
    appended.catch(() => undefined);
    return appended;
  }

  close(): void {
    this.#isClosed = true;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearInterval(this.#looking);
    this.#disposing.abort(new RedisClosedError());
  }

  async #append({ items, cursor }: Cut<Item>): Promise<void> {
    const { form, telemetry, maxLength } = this.#options;
    if (maxLength === null) await this.#untilRoom();
    const entries = form.encode(items);
    await this.#write(entries, cursor);
    telemetry.count("packs_total", entries.length);
    telemetry.count("stream_entries_total", entries.length);
    telemetry.count("cursor_saves_total");
    await this.#lookWhenDue();
  }

  /** Again and again, without limit. */
  async #write(entries: readonly StreamEntry[], cursor: SavedCursor): Promise<void> {
    const { ledger, form, room, maxLength, telemetry, random } = this.#options;
    const { signal } = this.#disposing;
    for (let failures = 1; ; failures++) {
      signal.throwIfAborted();
      try {
        const outcome = await ledger.write({ entries, cursor, keys: form.keys, maxLength });
        if (outcome.kind === "fenced") throw new RedisFencedError();
        if (outcome.kind !== "written") throw new SetBackError("Redis has less than it has acknowledged");
        for (const { key, events } of entries) room.noteAdded(key, events);
        for (const [index, key] of form.keys.entries()) room.noteLength(key, outcome.lengths[index] ?? 0);
        if (outcome.dropped > 0) telemetry.count("trimmed_entries_total", outcome.dropped, "maxlen");
        this.#tell(null);
        return;
      } catch (error) {
        if (isFinal(error)) throw error;
        const explained = explainRedis(error);
        if (explained instanceof RedisStreamError) throw explained;
        this.#failed(error);
      }
      await pause(backoffMs(failures, random, this.#waits.longestBackoffMs), signal);
    }
  }

  /** The relay is not read meanwhile: what was accepted and is not here fills its own budget. */
  async #untilRoom(): Promise<void> {
    const { room } = this.#options;
    const { signal } = this.#disposing;
    if (!room.isFull) return;
    await this.#look();
    while (room.isFull) {
      const why = await room.whyFull().catch(() => "Redis does not say why");
      this.#tell(`the stream is full: ${room.events} events; ${why}`);
      await pause(this.#waits.fullLookEveryMs, signal);
      await this.#look();
    }
    this.#tell(null);
  }

  async #lookWhenDue(): Promise<void> {
    if (performance.now() - this.#lookedAtMs >= this.#waits.lookEveryMs) await this.#look();
  }

  async #look(): Promise<void> {
    this.#lookedAtMs = performance.now();
    try {
      await this.#options.room.look();
    } catch (error) {
      this.#options.telemetry.log.debug("the stream could not be looked at", { error: String(error) });
    }
  }

  #failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#options.telemetry.count("put_retries_total", 1, codeOf(message));
    this.#tell(message);
  }

  /** Once when it begins, once when it is over. */
  #tell(trouble: string | null): void {
    const { telemetry, onTrouble } = this.#options;
    if (trouble === null && !this.#isTroubled) return;
    if (trouble !== null && !this.#isTroubled) {
      telemetry.log.warn("the stream takes nothing; trying again until it does", { error: trouble });
    }
    if (trouble === null) telemetry.log.info("the stream takes entries again");
    this.#isTroubled = trouble !== null;
    onTrouble(trouble);
  }
}

function isFinal(error: unknown): boolean {
  return error instanceof RedisFencedError || error instanceof SetBackError || error instanceof RedisClosedError;
}

/** The first word of Redis' own errors says their kind; those of the connection have few forms. */
function codeOf(message: string): string {
  return /^[A-Z]+/.exec(message)?.[0] ?? "connection";
}

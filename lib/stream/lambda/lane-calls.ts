/** Packs of one lane in, calls of the function out: one at a time, in order, and again until each pack is done. */
import { readAnswer } from "./answer.ts";
import { backoffMs, pause } from "./backoff.ts";
import type { CallResult } from "./client.ts";
import type { LaneRecord } from "./event.ts";
import { MAX_EVENT_BYTES, SLOW_ANSWER_MS } from "./limits.ts";
import type { Failure, Trouble } from "./trouble.ts";

export interface LaneCallsOptions {
  readonly lane: number;
  /** Never rejects. */
  readonly call: (records: readonly LaneRecord[], signal: AbortSignal) => Promise<CallResult>;
  /** Packs of one call at the most. */
  readonly maxPacks: number;
  /** So long the first pack of a call waits for others. */
  readonly windowMs: number;
  readonly trouble: Trouble;
  /** A random number in [0, 1), for the jitter of the waits. */
  readonly random: () => number;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Told how each call ended. */
  readonly onCall: (outcome: CallOutcome) => void;
  readonly signal: AbortSignal;
}

export type CallOutcome = "done" | "partly-done" | "not-done" | "function-error" | "no-answer";

/** What goes into a call: the bytes of a pack, or of a reference to one that no call can hold. */
export interface WaitingRecord {
  /** Of the record, once it is made. */
  readonly bytes: number;
  /** It goes in a call of its own: it is suspected of deaths, or has to be made first. */
  readonly alone: boolean;
  /** Rejects where it cannot be made now. */
  readonly make: () => Promise<LaneRecord>;
}

interface Waiting extends WaitingRecord {
  readonly sinceMs: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class LaneCalls {
  readonly #options: LaneCallsOptions;
  readonly #waiting: Waiting[] = [];
  #isRunning = false;
  #isHurried = false;
  #failures = 0;
  /** Halved where the function fails as a whole, so that what is too much for it goes in parts. */
  #maxPacks: number;
  #wake: () => void = () => undefined;

  constructor(options: LaneCallsOptions) {
    this.#options = options;
    this.#maxPacks = options.maxPacks;
  }

  /** Resolves when the function has done it; rejects with the signal's reason. */
  add(record: WaitingRecord): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ ...record, sinceMs: this.#options.nowMs(), resolve, reject });
    this.#wake();
    if (!this.#isRunning) void this.#run();
    return promise;
  }

  /** Nothing waits for company any more. */
  hurry(): void {
    this.#isHurried = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    const { signal } = this.#options;
    this.#isRunning = true;
    while (this.#waiting.length > 0 && !signal.aborted) {
      await this.#untilDue();
      if (!signal.aborted) await this.#attempt(this.#next());
    }
    this.#isRunning = false;
    if (signal.aborted) for (const { reject } of this.#waiting.splice(0)) reject(signal.reason);
  }

  async #untilDue(): Promise<void> {
    const { windowMs, nowMs, signal } = this.#options;
    for (;;) {
      const [first] = this.#waiting;
      const leftMs = (first?.sinceMs ?? 0) + windowMs - nowMs();
      if (leftMs <= 0 || this.#isHurried || this.#isFull() || this.#failures > 0 || signal.aborted) return;
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await pause(leftMs, AbortSignal.any([signal, woken.signal]));
    }
  }

  #isFull(): boolean {
    const next = this.#next();
    return next.length >= this.#maxPacks || next.length < this.#waiting.length;
  }

  /** From the oldest on. */
  #next(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const record of this.#waiting) {
      bytes += record.bytes;
      if (count > 0 && (record.alone || bytes > MAX_EVENT_BYTES || count >= this.#maxPacks)) break;
      count += 1;
      if (record.alone) break;
    }
    return this.#waiting.slice(0, count);
  }

  async #attempt(batch: readonly Waiting[]): Promise<void> {
    const { signal, random } = this.#options;
    const done = await this.#work(batch);
    for (const { resolve } of this.#waiting.splice(0, done)) resolve();
    if (done === batch.length) return;
    await pause(backoffMs(this.#failures, random), signal);
  }

  /** How many from the first on are done. */
  async #work(batch: readonly Waiting[]): Promise<number> {
    const records = await this.#made(batch);
    if (records === null) return 0;
    const result = await this.#call(records);
    switch (result.kind) {
      case "answered":
        return this.#judge(result.payload, records);
      case "function-error":
        this.#maxPacks = Math.max(1, records.length >> 1);
        return this.#failed(result, "function-error");
      case "no-answer":
        return this.#failed(result, "no-answer");
    }
  }

  /** Null where one of them cannot be made now. */
  async #made(batch: readonly Waiting[]): Promise<readonly LaneRecord[] | null> {
    try {
      return await Promise.all(batch.map(({ make }) => make()));
    } catch (error) {
      const { code, name, message } = error as NodeJS.ErrnoException;
      this.#failed({ code: code ?? name, message }, null);
      return null;
    }
  }

  async #call(records: readonly LaneRecord[]): Promise<CallResult> {
    const { lane, trouble, signal, call } = this.#options;
    const slow = setTimeout(() => trouble.slow(lane, SLOW_ANSWER_MS / 1000), SLOW_ANSWER_MS);
    try {
      return await call(records, signal);
    } finally {
      clearTimeout(slow);
    }
  }

  #judge(payload: unknown, records: readonly LaneRecord[]): number {
    const { lane, trouble, maxPacks, onCall } = this.#options;
    const answer = readAnswer(payload, records);
    if (!answer.ok) return this.#failed({ code: answer.reason, message: MEANINGS[answer.reason] }, "function-error");
    const { done } = answer;
    if (done === 0) return this.#failed(NOT_NOW, "not-done");
    onCall(done === records.length ? "done" : "partly-done");
    // What is left of a call that got on is tried again soon.
    this.#failures = done === records.length ? 0 : 1;
    this.#maxPacks = Math.min(maxPacks, this.#maxPacks * 2);
    trouble.succeeded(lane);
    return done;
  }

  #failed(failure: Failure, outcome: CallOutcome | null): 0 {
    const { lane, trouble, onCall, signal } = this.#options;
    if (signal.aborted) return 0;
    this.#failures += 1;
    if (outcome !== null) onCall(outcome);
    trouble.failed(lane, failure, this.#failures);
    return 0;
  }
}

const NOT_NOW: Failure = {
  code: "not-applied",
  message: "it gave all of a call back: its log says what it waits for, such as the database",
};

const MEANINGS = {
  "no-answer-of-ours": "it does not answer as index-events does: INDEXER_FUNCTION names another one",
  "unknown-record": "it names a record that it was not given",
} as const;

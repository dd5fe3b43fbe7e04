/** An event source mapping of AWS Lambda for a Kinesis stream: reads shards, calls a function with batches, follows the rules in the files beside. */
import { createHash } from "node:crypto";
import { machineClock } from "./clock.ts";
import { eventOf } from "./event.ts";
import type {
  Clock,
  DiscardedBatch,
  FailureDestination,
  Invocation,
  MappedFunction,
  Shard,
  ShardSource,
  StreamRecord,
} from "./port.ts";
import { createRecordQueue, type RecordQueue } from "./record-queue.ts";
import type { MappingSettings } from "./settings.ts";
import { type BatchWork, workBatch } from "./work-batch.ts";

export interface MappingOptions {
  readonly source: ShardSource;
  readonly settings: MappingSettings;
  readonly fn: MappedFunction;
  /** Null: what is given up is lost, as on AWS. */
  readonly destination: FailureDestination | null;
  readonly pacing?: Partial<Pacing>;
  readonly clock?: Clock;
  /** Told of each call once it is over. */
  readonly onCall?: (call: MappingCall) => void;
}

export interface Pacing {
  /** Of each shard, where it gave nothing: once a second on AWS ("Polling and batching streams", developer guide). Tests are in a hurry. */
  readonly pollEveryMs: number;
  /** Whether there are further shards. */
  readonly listEveryMs: number;
  /** AWS does not say: from little to more, as its clients do. */
  readonly retryAfterMs: (failures: number) => number;
}

export interface MappingCall {
  readonly shardId: string;
  readonly records: readonly StreamRecord[];
  readonly invocation: Invocation;
}

export interface EventSourceMapping extends AsyncDisposable {
  /** Records. */
  readonly done: number;
  readonly discarded: number;
  /** Calls of the function. */
  readonly calls: number;
  /** From the next try on, as with `UpdateEventSourceMapping`. How many batches a shard has at a time stays. */
  update(settings: Partial<Omit<MappingSettings, "parallelizationFactor">>): void;
  /** Resolves when everything that was in the stream at the call is done or discarded; rejects with a fault of the mapping, and after a minute. */
  caughtUp(): Promise<void>;
}

const PACING: Pacing = {
  pollEveryMs: 100,
  listEveryMs: 1_000,
  retryAfterMs: (failures) => Math.min(200, 10 * 2 ** Math.min(failures, 10)),
};
/** A server may answer with nothing although there is something. */
const EMPTY_LOOKS = 2;
const CAUGHT_UP_LIMIT_MS = 60_000;

export function startMapping(options: MappingOptions): EventSourceMapping {
  return new Mapping(options);
}

interface ShardState {
  readonly queues: readonly RecordQueue[];
  /** Everything read of it is done or discarded, and it is over. */
  isFinished: boolean;
  emptyLooks: number;
}

class Mapping implements EventSourceMapping {
  done = 0;
  discarded = 0;
  calls = 0;
  #read = 0;
  readonly #options: MappingOptions;
  #settings: MappingSettings;
  readonly #pacing: Pacing;
  readonly #clock: Clock;
  readonly #shards = new Map<string, ShardState>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: MappingOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#pacing = { ...PACING, ...options.pacing };
    this.#clock = options.clock ?? machineClock;
    this.#running = this.#watchShards();
    // Whoever asks later still hears of it.
    this.#running.catch(() => undefined);
  }

  update(settings: Partial<MappingSettings>): void {
    this.#settings = { ...this.#settings, ...settings };
  }

  async caughtUp(): Promise<void> {
    for (const shard of this.#shards.values()) shard.emptyLooks = 0;
    const endsAtMs = performance.now() + CAUGHT_UP_LIMIT_MS;
    for (let looks = 0; performance.now() < endsAtMs; ) {
      const shards = [...this.#shards.values()];
      const isQuiet = shards.every(({ isFinished, emptyLooks }) => isFinished || emptyLooks >= EMPTY_LOOKS);
      // A second time: a shard that has come up meanwhile is known by then.
      looks = isQuiet && shards.length > 0 && this.#read === this.done + this.discarded ? looks + 1 : 0;
      if (looks > EMPTY_LOOKS) return;
      await Promise.race([this.#clock.wait(this.#pacing.pollEveryMs, this.#stop.signal), this.#running]);
    }
    throw new Error(
      `${this.#read} records read, ${this.done} done, ${this.discarded} discarded after ${CAUGHT_UP_LIMIT_MS} ms`,
    );
  }

  /** What is under way is given time to end by whoever owns the function. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the event source mapping is stopped"));
    await this.#running.catch(() => undefined);
  }

  /**
   * Until stopped. A shard is begun when its parents are finished: so a key that has moved keeps its order ("Best practices for consuming
   * Kinesis Data Streams with Lambda": parents before children). A parent that is not in the list any more has expired.
   */
  async #watchShards(): Promise<void> {
    const { signal } = this.#stop;
    const work: Promise<void>[] = [];
    const failed = Promise.withResolvers<never>();
    failed.promise.catch(() => undefined);
    while (!signal.aborted) {
      const shards = await this.#ask(() => this.#options.source.list());
      for (const shard of shards ?? []) {
        if (this.#shards.has(shard.shardId) || !this.#mayBegin(shard, shards ?? [])) continue;
        const working = this.#workShard(shard.shardId);
        working.catch(failed.reject);
        work.push(working);
      }
      await Promise.race([this.#clock.wait(this.#pacing.listEveryMs, signal).catch(() => undefined), failed.promise]);
    }
    await Promise.allSettled(work);
  }

  #mayBegin({ parentIds }: Shard, all: readonly Shard[]): boolean {
    return parentIds.every((id) => this.#shards.get(id)?.isFinished ?? !all.some(({ shardId }) => shardId === id));
  }

  async #workShard(shardId: string): Promise<void> {
    const settings = (): MappingSettings => this.#settings;
    const queues = Array.from({ length: this.#settings.parallelizationFactor }, () =>
      createRecordQueue({ settings, clock: this.#clock }),
    );
    const state: ShardState = { queues, isFinished: false, emptyLooks: 0 };
    this.#shards.set(shardId, state);
    const { signal } = this.#stop;
    try {
      await Promise.all([this.#readShard(shardId, state), ...queues.map((queue) => this.#workQueue(shardId, queue))]);
      state.isFinished = true;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #readShard(shardId: string, state: ShardState): Promise<void> {
    const { source } = this.#options;
    const { signal } = this.#stop;
    let iterator: string | null = null;
    while (iterator === null) iterator = await this.#ask(() => source.begin(shardId));
    while (iterator !== null) {
      const at: string = iterator;
      const page = await this.#ask(() => source.read(at));
      if (page === null) continue;
      for (const record of page.records) {
        this.#read += 1;
        state.queues[laneOf(record.partitionKey, state.queues.length)]?.push(record);
      }
      iterator = page.next;
      state.emptyLooks = page.records.length === 0 ? state.emptyLooks + 1 : 0;
      if (page.records.length === 0 && iterator !== null) await this.#clock.wait(this.#pacing.pollEveryMs, signal);
      // What waits is bounded.
      for (const queue of state.queues) while (queue.length > 2 * this.#settings.batchSize) await queue.taken(signal);
    }
    for (const queue of state.queues) queue.close();
  }

  /** Null where the stream did not answer: throttling of reads is no reason to end. */
  async #ask<Answer>(question: () => Promise<Answer>): Promise<Answer | null> {
    this.#stop.signal.throwIfAborted();
    try {
      return await question();
    } catch {
      await this.#clock.wait(this.#pacing.pollEveryMs, this.#stop.signal);
      return null;
    }
  }

  async #workQueue(shardId: string, queue: RecordQueue): Promise<void> {
    const { signal } = this.#stop;
    const work: BatchWork = {
      settings: () => this.#settings,
      clock: this.#clock,
      signal,
      retryAfterMs: this.#pacing.retryAfterMs,
      call: (records) => this.#call(shardId, records),
      discard: (batch) => this.#discard({ ...batch, shardId }),
      onDone: (records) => {
        this.done += records.length;
      },
    };
    for (;;) {
      const batch = await queue.nextBatch(signal);
      if (batch === null) return;
      await workBatch(batch, work);
    }
  }

  async #call(shardId: string, records: readonly StreamRecord[]): Promise<Invocation> {
    const invocation = await this.#options.fn.invoke(eventOf(records, shardId));
    this.calls += 1;
    this.#options.onCall?.({ shardId, records, invocation });
    return invocation;
  }

  async #discard({ shardId, records, condition, calls, last }: DiscardedBatch): Promise<void> {
    const { destination } = this.#options;
    const batch: DiscardedBatch = { shardId, records, condition, calls, last };
    let isDelivered = destination === null;
    while (!isDelivered)
      isDelivered = (await this.#ask(async () => destination?.deliver(batch).then(() => true))) ?? false;
    this.discarded += records.length;
  }
}

/**
 * Which of a shard's parallel batches a key goes with: always the same, so that records of a key keep their order ("Polling and batching
 * streams": order is ensured at the level of the partition key). Which hash AWS takes is not said.
 */
export function laneOf(partitionKey: string, factor: number): number {
  return createHash("md5").update(partitionKey).digest().readUInt32BE() % factor;
}

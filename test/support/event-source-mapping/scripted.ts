/** Parts for tests of the mapping's rules: shards in memory, a function that answers as told, a clock that stands until somebody waits. */
import type {
  Clock,
  DiscardedBatch,
  FailureDestination,
  Invocation,
  MappedFunction,
  MappingEvent,
  Shard,
  ShardSource,
  StreamRecord,
} from "./port.ts";
import type { MappingSettings } from "./settings.ts";

export const SETTINGS: MappingSettings = {
  batchSize: 100,
  batchingWindowMs: 0,
  parallelizationFactor: 1,
  bisectBatchOnFunctionError: true,
  reportBatchItemFailures: true,
  maximumRetryAttempts: -1,
  maximumRecordAgeMs: null,
};

/** Records named by numbers, one a millisecond. */
export function recordsOf(...numbers: readonly number[]): readonly StreamRecord[] {
  return numbers.map((number) => recordOf(number));
}

export function recordOf(number: number, options: Partial<StreamRecord> = {}): StreamRecord {
  return {
    sequenceNumber: String(number),
    partitionKey: "0",
    data: Buffer.from([number]),
    arrivedAtMs: number,
    ...options,
  };
}

export function numbersOf(records: readonly Pick<StreamRecord, "sequenceNumber">[]): readonly number[] {
  return records.map(({ sequenceNumber }) => Number(sequenceNumber));
}

export function answered(payload: unknown): Invocation {
  return { kind: "answered", requestId: "request", payload };
}

export const DONE = answered({ batchItemFailures: [] });
export const THROWN: Invocation = { kind: "function-error", requestId: "request", type: "Error", message: "thrown" };
export const THROTTLED: Invocation = { kind: "not-called", reason: "TooManyRequestsException" };

export function failedFrom(...numbers: readonly number[]): Invocation {
  return answered({ batchItemFailures: numbers.map((number) => ({ itemIdentifier: String(number) })) });
}

export interface ScriptedFunction extends MappedFunction {
  /** Numbers of the records of each call. */
  readonly calls: (readonly number[])[];
}

/** `answer` may wait: until then the call is under way. */
export function scriptedFunction(
  answer: (numbers: readonly number[], call: number) => Invocation | Promise<Invocation>,
): ScriptedFunction {
  const calls: (readonly number[])[] = [];
  return {
    calls,
    invoke: async ({ Records }: MappingEvent) => {
      const numbers = numbersOf(Records.map(({ kinesis }) => kinesis));
      calls.push(numbers);
      return answer(numbers, calls.length);
    },
  };
}

/** Its time passes only by waiting, at once. */
export function waitingClock(startMs = 0): Clock & { readonly waits: readonly number[]; pass(ms: number): void } {
  const waits: number[] = [];
  let nowMs = startMs;
  return {
    waits,
    nowMs: () => nowMs,
    pass(ms) {
      nowMs += ms;
    },
    wait: async (ms, signal) => {
      signal.throwIfAborted();
      waits.push(ms);
      nowMs += ms;
    },
  };
}

export interface CollectedFailures extends FailureDestination {
  readonly batches: DiscardedBatch[];
}

export function collectFailures(): CollectedFailures {
  const batches: DiscardedBatch[] = [];
  return { batches, deliver: async (batch) => void batches.push(batch) };
}

export interface ScriptedShard extends Shard {
  readonly records: StreamRecord[];
  /** No more will come: it was split or merged. */
  isOver: boolean;
}

/** Give the list more shards and the shards more records at any time. */
export function memorySource(shards: readonly ScriptedShard[]): ShardSource {
  return {
    list: async () => shards,
    begin: async (shardId) => `${shardId} 0`,
    async read(iterator) {
      const [shardId, at] = iterator.split(" ");
      const shard = shards.find((each) => each.shardId === shardId);
      if (shard === undefined) throw new Error(`no shard ${shardId}`);
      const records = shard.records.slice(Number(at));
      const isAtEnd = shard.isOver && records.length === 0;
      return { records, next: isAtEnd ? null : `${shardId} ${shard.records.length}` };
    },
  };
}

export function shardOf(
  shardId: string,
  numbers: readonly number[],
  options: Partial<ScriptedShard> = {},
): ScriptedShard {
  return { shardId, parentIds: [], records: [...recordsOf(...numbers)], isOver: false, ...options };
}

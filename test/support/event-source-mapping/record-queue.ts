/** Records of one shard whose partition keys go together, in order: between the shard's reader and the one that batches them. */
import { batchLength } from "./event.ts";
import type { Clock, StreamRecord } from "./port.ts";
import type { MappingSettings } from "./settings.ts";

export interface RecordQueue {
  readonly length: number;
  push(record: StreamRecord): void;
  /** No more will come. */
  close(): void;
  /** Resolves when records were taken: there may be room. */
  taken(signal: AbortSignal): Promise<void>;
  /**
   * The next batch; null once closed and empty. A batch goes when it is full, or at the end of a batching window with something in it; the first
   * window begins at this call, which is the end of the invocation before, and each further one at the end of the one before it ("How event
   * source mappings batch records", developer guide).
   */
  nextBatch(signal: AbortSignal): Promise<readonly StreamRecord[] | null>;
}

export function createRecordQueue({
  settings,
  clock,
}: {
  readonly settings: () => MappingSettings;
  readonly clock: Clock;
}): RecordQueue {
  const records: StreamRecord[] = [];
  const state = { isClosed: false };
  let changed = Promise.withResolvers<void>();
  const change = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const untilChanged = (signal: AbortSignal, limitMs: number | null): Promise<unknown> => {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const waits = [changed.promise, aborted(either), ...(limitMs === null ? [] : [clock.wait(limitMs, either)])];
    return Promise.race(waits).finally(() => over.abort());
  };
  return {
    get length() {
      return records.length;
    },
    push(record) {
      records.push(record);
      change();
    },
    close() {
      state.isClosed = true;
      change();
    },
    taken: async (signal) => void (await untilChanged(signal, null)),
    async nextBatch(signal) {
      const { batchingWindowMs, batchSize } = settings();
      const beganAtMs = clock.nowMs();
      while (records.length === 0 && !state.isClosed) await untilChanged(signal, null);
      const endsAtMs = endOfWindow({ beganAtMs, nowMs: clock.nowMs(), windowMs: batchingWindowMs });
      while (!state.isClosed && !batchLength(records, { batchSize }).isFull && clock.nowMs() < endsAtMs) {
        await untilChanged(signal, endsAtMs - clock.nowMs());
      }
      if (records.length === 0) return null;
      const batch = records.splice(0, batchLength(records, { batchSize }).count);
      change();
      return batch;
    },
  };
}

/** Of the window in which `nowMs` lies. */
function endOfWindow(times: { readonly beganAtMs: number; readonly nowMs: number; readonly windowMs: number }): number {
  const { beganAtMs, nowMs, windowMs } = times;
  if (windowMs === 0) return nowMs;
  return beganAtMs + (Math.floor((nowMs - beganAtMs) / windowMs) + 1) * windowMs;
}

function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const fail = (): void => reject(signal.reason as Error);
  if (signal.aborted) fail();
  else signal.addEventListener("abort", fail, { once: true });
  promise.catch(() => undefined);
  return promise;
}

/** The loops that make rows of packs, and their end. */
import { setTimeout } from "node:timers/promises";
import { type ConsumerOptions, runConsumer } from "../../lib/consume/run-consumer.ts";
import type { PostgresStore } from "../../lib/store/postgres-store.ts";

export interface RunningConsumer {
  /** Rejects with what no retry mends, and is pending otherwise. */
  readonly failed: Promise<never>;
  /** At once, but for what ends by itself within a second; the rest comes again. */
  stop(): Promise<void>;
}

/** A transaction under way at a stop gets so long to end by itself. */
const CUT_AFTER_MS = 1_000;

export function startConsumer(options: ConsumerOptions & { readonly store: PostgresStore }): RunningConsumer {
  const stopping = new AbortController();
  const running = runConsumer(options, stopping.signal);
  const { promise: failed, reject } = Promise.withResolvers<never>();
  running.catch(reject);
  // Whoever looks at it later still sees the rejection; nobody may have to.
  failed.catch(() => undefined);
  return {
    failed,
    async stop() {
      stopping.abort();
      const over = running.catch(() => undefined);
      // A database that hangs (a lock, a frozen host) must not hold up the end: its transactions come again.
      await Promise.race([over, setTimeout(CUT_AFTER_MS)]);
      options.store.cut();
      await over;
    },
  };
}

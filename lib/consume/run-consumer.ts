/** The consumer's loops: read from the stream, consume, acknowledge; wait and try again while the database is away. */

import { StoreError } from "../store/port.ts";
import type { Delivery, PackReader } from "../stream/port.ts";
import { type ConsumeOptions, consume } from "./consume.ts";

export interface ConsumerOptions extends ConsumeOptions {
  readonly reader: PackReader;
  /** Transactions side by side; lanes are never in two of them. */
  readonly workers: number;
  /** Events of one transaction at the most. */
  readonly maxEvents: number;
  /** Of the usual waits; 1 where it is not given. */
  readonly waitShare?: number;
  /** A random number in [0, 1), for the jitter of the waits. */
  readonly random: () => number;
  /** Called when a transaction fails for a passing reason, with its reason, and with null when one succeeds. */
  readonly onTrouble: (trouble: string | null) => void;
}

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

/** Resolves when the stream is closed and empty, or when the signal aborts; rejects with the fault of a worker, after the others have stopped. */
export async function runConsumer(options: ConsumerOptions, signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const workers = Array.from({ length: options.workers }, () =>
    work(options, both).catch((error: unknown) => {
      stop.abort();
      throw error;
    }),
  );
  const results = await Promise.allSettled(workers);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    throw failed.reason;
  }
}

async function work(options: ConsumerOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const delivery = await options.reader.read({ maxEvents: options.maxEvents, signal }).catch((error: unknown) => {
      if (signal.aborted) {
        return null;
      }
      throw error;
    });
    if (delivery === null) {
      return;
    }
    await deliver(delivery, options, signal);
  }
}

/** Without limit of number or time: a database that is away is no reason to give anything up. */
async function deliver(delivery: Delivery, options: ConsumerOptions, signal: AbortSignal): Promise<void> {
  for (let failures = 0; ; failures += 1) {
    try {
      await consume(delivery.packs, options);
      options.onTrouble(null);
      delivery.acknowledge();
      return;
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== "transient" || signal.aborted) {
        delivery.release();
        if (signal.aborted) {
          return;
        }
        throw error;
      }
      tellTrouble(error, failures, options);
      await pause(waitMs(failures, options), signal);
    }
  }
}

/** Doubles with each failure up to its bound, and is half random. */
function waitMs(failures: number, { waitShare = 1, random }: ConsumerOptions): number {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 10));
  return longest * waitShare * (0.5 + random() / 2);
}

function tellTrouble(error: StoreError, failures: number, { telemetry, onTrouble }: ConsumerOptions): void {
  onTrouble(error.message);
  telemetry.count("batch_retries_total", 1, error.code ?? "unknown");
  if (failures === 0) {
    telemetry.log.warn("the database does not take the batch; trying again until it does", {
      error: error.message,
      code: error.code,
    });
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) {
      done();
    }
  });
}

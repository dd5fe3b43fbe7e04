/** Bytes taken and given back; tells when to stop reading and when to go on. */

/** Reading goes on only under this share of the budget, so that a socket is not paused and resumed for every pack. */
const RESUME_SHARE = 3 / 4;

/** Whether a reader that was stopped goes on. */
export function hasRoom(usedBytes: number, maxBytes: number): boolean {
  return usedBytes <= maxBytes * RESUME_SHARE;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export class ByteBudget {
  readonly #maxBytes: number;
  readonly #waiters = new Set<Waiter>();
  #usedBytes = 0;
  #fault: Error | null = null;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Takes bytes, there or not. False: stop and wait for `room`. */
  take(bytes: number): boolean {
    this.#usedBytes += bytes;
    return this.#usedBytes < this.#maxBytes;
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
    if (!hasRoom(this.#usedBytes, this.#maxBytes)) return;
    for (const waiter of this.#waiters) waiter.resolve();
    this.#waiters.clear();
  }

  /** Resolves under three quarters of the budget; rejects with the signal's reason, or with what `fail` was given. */
  async room(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#fault !== null) throw this.#fault;
    if (hasRoom(this.#usedBytes, this.#maxBytes)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { resolve, reject };
    const onAbort = () => reject(signal.reason);
    this.#waiters.add(waiter);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      this.#waiters.delete(waiter);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Nothing will be given back any more. */
  fail(fault: Error): void {
    this.#fault ??= fault;
    for (const waiter of this.#waiters) waiter.reject(this.#fault);
  }
}

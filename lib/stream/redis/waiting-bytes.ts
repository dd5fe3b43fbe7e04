/** Bytes that were read and wait to be applied: past the bound nothing more is read. */

export class WaitingBytes {
  readonly #max: number;
  readonly #waiters = new Set<() => void>();
  #bytes = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get bytes(): number {
    return this.#bytes;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes >= this.#max) return;
    for (const resolve of this.#waiters) resolve();
    this.#waiters.clear();
  }

  /** Resolves below the bound; rejects with the signal's reason. */
  async room(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#bytes < this.#max) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => reject(signal.reason);
    this.#waiters.add(resolve);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      this.#waiters.delete(resolve);
      signal.removeEventListener("abort", onAbort);
    }
  }
}

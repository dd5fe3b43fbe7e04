/** Promises with an end: whichever settles first, or the signal. */

/** Settles as the first of `promises` does, or rejects with the signal's reason. */
export async function untilAborted<T>(signal: AbortSignal, promises: readonly Promise<T>[]): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, ...promises]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

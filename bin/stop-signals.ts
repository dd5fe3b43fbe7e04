/** Signals of the operating system in, one AbortSignal out. */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Under `npm start` one Ctrl-C arrives twice, from the terminal and forwarded by npm; what follows the first signal
 * within this time is the same keystroke.
 */
const SAME_KEYSTROKE_MS = 700;

/** The reason of an abort that a person or an orchestrator asked for. */
export class StopRequested extends Error {
  override readonly name = "StopRequested";
}

export interface StopSignals extends Disposable {
  /** Aborts with a StopRequested, or with the fault that `fail` was told. */
  readonly signal: AbortSignal;
  /** Stops everything because of a fault. */
  fail(fault: Error): void;
}

/** The first signal asks for a drain; a second one ends the process at once, as if nobody listened. */
export function listenForStop(onStop: (signal: string) => void): StopSignals {
  const controller = new AbortController();
  let firstAtMs: number | null = null;
  const listener = (name: NodeJS.Signals): void => {
    if (firstAtMs === null) {
      firstAtMs = performance.now();
      onStop(name);
      controller.abort(new StopRequested(`stopped by ${name}`));
    } else if (performance.now() - firstAtMs > SAME_KEYSTROKE_MS) {
      stopListening();
      process.kill(process.pid, name);
    }
  };
  const stopListening = (): void => {
    for (const name of SIGNALS) process.off(name, listener);
  };
  for (const name of SIGNALS) process.on(name, listener);
  return { signal: controller.signal, fail: (fault) => controller.abort(fault), [Symbol.dispose]: stopListening };
}

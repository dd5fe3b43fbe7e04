/**
 * Tells when this process is stuck: a stage that had input, and whose downstream took writes, and which yet has not
 * moved for a minute. What is away (relay, database) never makes a process stuck, since a restart would not help.
 */

const STUCK_AFTER_MS = 60_000;
const SAMPLE_EVERY_MS = 1_000;

/** What one stage is doing, as a snapshot. */
export interface StageState {
  /** Grows with every unit of work that it ends. */
  readonly progress: number;
  /** Something is waiting to be worked. */
  readonly hasInput: boolean;
  /** What it writes to takes writes. */
  readonly downstreamOk: boolean;
}

export interface Stage {
  readonly name: string;
  state(): StageState;
}

export interface Watchdog {
  /** Looks at every stage once; called each second by `watch`. */
  sample(): void;
  /** Names of the stages that are stuck, empty when all is well. */
  stuck(): readonly string[];
}

/** `nowMs` is a monotonic clock in milliseconds. */
export function createWatchdog(options: {
  readonly stages: readonly Stage[];
  readonly nowMs: () => number;
  /** Of the usual minute; 1 where it is not given. */
  readonly waitShare?: number;
}): Watchdog {
  const { stages, nowMs, waitShare = 1 } = options;
  const marks = new Map<string, { progress: number; stillForMs: number }>();
  let sampledAtMs = nowMs();
  return {
    sample() {
      // A laptop that slept, or a loop that was blocked, has not seen the stages stand still for all that time.
      const passedMs = Math.min(nowMs() - sampledAtMs, 2 * SAMPLE_EVERY_MS);
      sampledAtMs = nowMs();
      for (const stage of stages) {
        const { progress, hasInput, downstreamOk } = stage.state();
        const mark = marks.get(stage.name);
        const still = mark !== undefined && mark.progress === progress && hasInput && downstreamOk;
        marks.set(stage.name, { progress, stillForMs: still ? mark.stillForMs + passedMs : 0 });
      }
    },
    stuck: () =>
      stages
        .filter(({ name }) => (marks.get(name)?.stillForMs ?? 0) >= STUCK_AFTER_MS * waitShare)
        .map(({ name }) => name),
  };
}

/** Samples each second until disposed; does not keep the process alive. */
export function watch(watchdog: Watchdog): Disposable {
  const timer = setInterval(() => watchdog.sample(), SAMPLE_EVERY_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

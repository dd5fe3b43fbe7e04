/** How the reading of a long-lived process ends, and how that is told: the same for `start` and `ingest`. */
import { setTimeout } from "node:timers/promises";
import { StopRequested } from "../stop-signals.ts";
import { endLine } from "./end-line.ts";
import { untilIdle } from "./idle.ts";
import type { LongLivedProcess } from "./process.ts";

/** What ended the reading: a person, or a fault told to `stop`, which is thrown. */
export function ended(stop: AbortSignal): "stopped" {
  if (!(stop.reason instanceof StopRequested)) throw stop.reason;
  return "stopped";
}

/** Pending until it is asked for, and then as `ended`. */
export async function whenStopped(stop: AbortSignal): Promise<"stopped"> {
  await new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    stop.addEventListener("abort", () => resolve(), { once: true });
  });
  return ended(stop);
}

/** Whether it has settled by then, however it has. */
export function settledWithin(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  const settled = work.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, setTimeout(limitMs, false, { ref: false })]);
}

export interface DrainOptions {
  readonly limitMs: number;
  readonly surroundings: LongLivedProcess;
}

/** False where it takes longer than it may: what is not durable now is read again by the next start. */
export async function drainWithin(
  drain: (signal: AbortSignal) => Promise<void>,
  { limitMs, surroundings }: DrainOptions,
): Promise<boolean> {
  try {
    await drain(AbortSignal.timeout(limitMs));
    return true;
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    surroundings.telemetry.log.warn("not everything could be made durable in time; it is read again at the next start");
    return false;
  }
}

export interface IdleEndOptions {
  readonly surroundings: LongLivedProcess;
  /** Null: never. */
  readonly exitWhenIdleMs: number | null;
}

/** Pending for ever where nobody wants it. */
export async function whenIdle(
  { surroundings: { vitals }, exitWhenIdleMs }: IdleEndOptions,
  signal: AbortSignal,
): Promise<"idle"> {
  if (exitWhenIdleMs === null) return new Promise(() => undefined);
  await untilIdle(
    () => ({
      connected: vitals.source?.().connected ?? false,
      lastFrameAtMs: vitals.source?.().lastFrameAtMs ?? null,
      bytesInFlight: vitals.ingest?.().bytesInFlight ?? 0,
    }),
    { idleAfterMs: exitWhenIdleMs, signal },
  );
  return "idle";
}

export function tellEnd(end: "stopped" | "idle", { surroundings, exitWhenIdleMs }: IdleEndOptions): void {
  const { screen, vitals } = surroundings;
  screen.endStatus();
  const why = end === "idle" ? `nothing new for ${(exitWhenIdleMs ?? 0) / 1000} s` : "stopped";
  screen.line(endLine(why, vitals.snapshot()));
}

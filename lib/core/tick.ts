/** Tick: when a row was written, in four bytes. */

/** Tick 0. In the middle of its range, so that an int4 reaches from March 2026 to October 2039 in tenths of a second. */
const TICK_EPOCH_MS = Date.UTC(2033, 0, 1);
const MS_A_TICK = 100;
const MIN_TICK = -(2 ** 31);
const MAX_TICK = 2 ** 31 - 1;

/** Unix milliseconds → tick, clamped to what an int4 holds: a clock that is years off must not stop the writing. */
export function tickOf(timeMs: number): number {
  return Math.min(MAX_TICK, Math.max(MIN_TICK, Math.floor((timeMs - TICK_EPOCH_MS) / MS_A_TICK)));
}

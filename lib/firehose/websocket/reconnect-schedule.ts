/** How a connection ended → which relay is tried next, and after how long. Pure. */
import type { WebsocketSettings } from "./settings.ts";

export interface RetryState {
  /** Index into the list of relays. */
  readonly relay: number;
  /** Failures in a row on this relay. */
  readonly failuresHere: number;
  /** Failures in a row on any relay: what the wait grows with. */
  readonly failures: number;
}

export const FRESH_RETRY_STATE: RetryState = { relay: 0, failuresHere: 0, failures: 0 };

export interface Failure {
  /** Draw for the jitter, 0 ≤ x < 1. */
  readonly random: number;
  /** What the relay asked for, already bounded; null if it asked for nothing. */
  readonly retryAfterMs: number | null;
  /** No point in asking this relay again before the others. */
  readonly giveUpRelay: boolean;
}

export interface Retry {
  readonly state: RetryState;
  readonly delayMs: number;
}

type ScheduleSettings = Pick<WebsocketSettings, "backoffBaseMs" | "backoffCapMs" | "attemptsPerRelay">;

/** A failed attempt: stays with the relay until it failed `attemptsPerRelay` times in a row, then takes the next. */
export function afterFailure(state: RetryState, failure: Failure, relays: number, settings: ScheduleSettings): Retry {
  const failures = state.failures + 1;
  const failuresHere = state.failuresHere + 1;
  const longWait = (failure.retryAfterMs ?? 0) > settings.backoffCapMs;
  const leave = relays > 1 && (failuresHere >= settings.attemptsPerRelay || failure.giveUpRelay || longWait);
  if (!leave) {
    const delayMs = Math.max(backoffMs(failures, failure.random, settings), failure.retryAfterMs ?? 0);
    return { state: { relay: state.relay, failuresHere, failures }, delayMs };
  }
  const firstRound = failures < relays * settings.attemptsPerRelay;
  const next = { relay: (state.relay + 1) % relays, failuresHere: 0, failures };
  return { state: next, delayMs: firstRound ? 0 : backoffMs(failures, failure.random, settings) };
}

/** A connection that had proven itself ended: its relay is kept, failures are forgotten, and a short wait spreads the herd. */
export function afterProvenConnection(state: RetryState, random: number, settings: ScheduleSettings): Retry {
  return { state: { relay: state.relay, failuresHere: 0, failures: 0 }, delayMs: backoffMs(1, random, settings) };
}

function backoffMs(failures: number, random: number, settings: ScheduleSettings): number {
  // 2 ** 30 is past every cap in use and far from overflow.
  const bound = Math.min(settings.backoffCapMs, settings.backoffBaseMs * 2 ** Math.min(30, failures - 1));
  return Math.floor(random * bound);
}

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  afterFailure,
  afterProvenConnection,
  FRESH_RETRY_STATE,
  type RetryState,
} from "../../../../lib/firehose/websocket/reconnect-schedule.ts";

const SETTINGS = { backoffBaseMs: 100, backoffCapMs: 1_000, attemptsPerRelay: 3 };
const PLAIN = { random: 0.999_999, retryAfterMs: null, giveUpRelay: false };

function failTimes(times: number, relays: number): { states: RetryState[]; delaysMs: number[] } {
  let state = FRESH_RETRY_STATE;
  const states: RetryState[] = [];
  const delaysMs: number[] = [];
  for (let index = 0; index < times; index += 1) {
    const retry = afterFailure(state, PLAIN, relays, SETTINGS);
    state = retry.state;
    states.push(state);
    delaysMs.push(retry.delayMs);
  }
  return { states, delaysMs };
}

describe("reconnect schedule", () => {
  it("doubles the bound of the wait up to the cap", () => {
    expect(failTimes(6, 1).delaysMs).toEqual([99, 199, 399, 799, 999, 999]);
  });

  it("draws the wait from zero to the bound", () => {
    const drawn = [0, 0.5].map((random) => afterFailure(FRESH_RETRY_STATE, { ...PLAIN, random }, 1, SETTINGS).delayMs);
    expect(drawn).toEqual([0, 50]);
  });

  it("never waits longer than the cap or the relay asked, nor shorter than it asked", () => {
    const failure = fc.record({
      random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      retryAfterMs: fc.option(fc.nat(900)),
      giveUpRelay: fc.constant(false),
    });
    fc.assert(
      fc.property(fc.array(failure, { maxLength: 60 }), (failures) => {
        let state = FRESH_RETRY_STATE;
        for (const each of failures) {
          const retry = afterFailure(state, each, 1, SETTINGS);
          expect(retry.delayMs).toBeGreaterThanOrEqual(each.retryAfterMs ?? 0);
          expect(retry.delayMs).toBeLessThan(SETTINGS.backoffCapMs);
          state = retry.state;
        }
      }),
    );
  });

  it("takes the next relay after so many failures, at once in the first round, and comes round", () => {
    const { states, delaysMs } = failTimes(9, 2);
    expect(states.map(({ relay }) => relay)).toEqual([0, 0, 1, 1, 1, 0, 0, 0, 1]);
    expect(delaysMs[2]).toBe(0);
    expect(delaysMs[5]).toBeGreaterThan(0);
  });

  it("leaves a relay at once that asks for a long wait or has to be given up, if there is another", () => {
    const longWait = { ...PLAIN, retryAfterMs: 5_000 };
    expect(afterFailure(FRESH_RETRY_STATE, longWait, 2, SETTINGS)).toMatchObject({ delayMs: 0, state: { relay: 1 } });
    expect(afterFailure(FRESH_RETRY_STATE, longWait, 1, SETTINGS)).toMatchObject({
      delayMs: 5_000,
      state: { relay: 0 },
    });
    const hopeless = { ...PLAIN, giveUpRelay: true };
    expect(afterFailure(FRESH_RETRY_STATE, hopeless, 2, SETTINGS).state.relay).toBe(1);
    expect(afterFailure(FRESH_RETRY_STATE, hopeless, 1, SETTINGS).state.relay).toBe(0);
  });

  it("forgets failures after a proven connection, and keeps its relay", () => {
    const state = { relay: 1, failuresHere: 2, failures: 7 };
    expect(afterProvenConnection(state, 0.5, SETTINGS)).toEqual({
      state: { relay: 1, failuresHere: 0, failures: 0 },
      delayMs: 50,
    });
  });
});

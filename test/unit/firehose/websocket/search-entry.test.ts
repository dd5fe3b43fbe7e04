import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DatedSeq, type Probe, searchEntry } from "../../../../lib/firehose/websocket/search-entry.ts";

/** Answers as a relay with these events would, and counts. */
function relayOf(events: readonly DatedSeq[]): { probe: Probe; probes: () => number } {
  let probes = 0;
  const probe: Probe = async (cursor) => {
    probes += 1;
    const newest = events.at(-1);
    if (newest === undefined) return { ok: false, reason: "quiet", detail: "no events" };
    if (cursor === null) return { ok: true, ...newest };
    if (cursor > newest.seq) return { ok: false, reason: "future", detail: "FutureCursor" };
    const next = events.find(({ seq }) => seq > cursor);
    return next === undefined ? { ok: false, reason: "quiet", detail: "nothing after it" } : { ok: true, ...next };
  };
  return { probe, probes: () => probes };
}

const LIMITS = { maxProbes: 20, toleranceMs: 10, knownBefore: null };

describe("search for an entry", () => {
  it("never lands behind the target, with never more probes than allowed", async () => {
    const event = fc.record({ gap: fc.integer({ min: 1, max: 1e7 }), waitMs: fc.integer({ min: 0, max: 5_000 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { minLength: 1, maxLength: 300 }),
        fc.nat(600_000),
        fc.integer({ min: 5, max: 30 }),
        async (steps, targetMs, maxProbes) => {
          let at = { seq: 0, timeMs: 0 };
          const events = steps.map(({ gap, waitMs }) => {
            at = { seq: at.seq + gap, timeMs: at.timeMs + waitMs };
            return at;
          });
          const { probe, probes } = relayOf(events);
          const result = await searchEntry({ ...LIMITS, targetMs, probe, maxProbes });
          expect(probes()).toBeLessThanOrEqual(maxProbes);
          if (result.kind === "window-too-short") {
            expect(events[0]?.timeMs).toBeGreaterThan(targetMs);
            return;
          }
          expect(result.kind).toBe("found");
          const missed = events.filter(({ seq }) => result.kind === "found" && seq <= result.seq);
          for (const { timeMs } of missed) expect(timeMs).toBeLessThanOrEqual(targetMs);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("comes within the tolerance of a 72 hour window in 20 probes", async () => {
    const events = Array.from({ length: 72 * 360 }, (_, index) => ({
      seq: 2e10 + index * 5_000,
      timeMs: index * 10_000,
    }));
    const { probe } = relayOf(events);
    const targetMs = 200_000_003;
    const result = await searchEntry({ ...LIMITS, targetMs, probe, toleranceMs: 30_000 });
    const found = events.findLast(({ seq }) => result.kind === "found" && seq <= result.seq);
    expect(targetMs - (found?.timeMs ?? 0)).toBeLessThanOrEqual(30_000);
  });

  it("begins a relay that lags behind the target at its newest event", async () => {
    const { probe } = relayOf([
      { seq: 5, timeMs: 100 },
      { seq: 9, timeMs: 200 },
    ]);
    expect(await searchEntry({ ...LIMITS, targetMs: 500, probe })).toEqual({ kind: "found", seq: 8 });
  });

  it("begins an empty relay at its beginning", async () => {
    expect(await searchEntry({ ...LIMITS, targetMs: 500, probe: relayOf([]).probe })).toEqual({
      kind: "found",
      seq: 0,
    });
  });

  it("reads a relay that is too quiet to say where live is from what it has", async () => {
    const { probe } = relayOf([{ seq: 5, timeMs: 100 }]);
    const quiet: Probe = async (cursor) =>
      cursor === null ? { ok: false, reason: "quiet", detail: "" } : probe(cursor);
    expect(await searchEntry({ ...LIMITS, targetMs: 500, probe: quiet })).toEqual({ kind: "found", seq: 5 });
  });

  it("never goes below the place that is known", async () => {
    const { probe, probes } = relayOf([
      { seq: 5, timeMs: 100 },
      { seq: 9, timeMs: 1_000 },
    ]);
    const result = await searchEntry({ ...LIMITS, targetMs: 500, probe, knownBefore: { seq: 7, timeMs: 490 } });
    expect(result).toEqual({ kind: "found", seq: 7 });
    expect(probes()).toBe(1);
  });

  it("tells a relay that does not answer from one whose answers lead nowhere", async () => {
    const deaf: Probe = async () => ({ ok: false, reason: "unreachable", detail: "refused" });
    expect(await searchEntry({ ...LIMITS, targetMs: 5, probe: deaf })).toEqual({
      kind: "unreachable",
      detail: "refused",
    });
    const liveOnly: Probe = async (cursor) => (cursor === null ? { ok: true, seq: 9, timeMs: 9 } : deaf(cursor));
    expect(await searchEntry({ ...LIMITS, targetMs: 5, probe: liveOnly })).toEqual({
      kind: "failed",
      detail: "refused",
    });
  });

  it("asks again where one probe found no connection", async () => {
    const { probe } = relayOf([
      { seq: 5, timeMs: 100 },
      { seq: 100, timeMs: 1_000 },
    ]);
    let calls = 0;
    const flaky: Probe = async (cursor) => {
      calls += 1;
      return calls % 2 === 1 ? { ok: false, reason: "unreachable", detail: "once" } : probe(cursor);
    };
    expect(await searchEntry({ ...LIMITS, targetMs: 105, probe: flaky })).toEqual({ kind: "found", seq: 5 });
  });
});

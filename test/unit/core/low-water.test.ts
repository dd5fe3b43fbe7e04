import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LowWater, type LowWaterMark } from "../../../lib/core/low-water.ts";

const LANES = 4;

interface Step {
  readonly kind: "accept" | "seal" | "durable";
  readonly lane: number;
  /** Of an event: how far its seq is from the one before, and its time, if readable. */
  readonly seqStep: number;
  readonly timeMs: number | null;
}

/** Remembers every event, and looks at all of them each time. */
class NaiveModel {
  readonly #events: { lane: number; seq: number; timeMs: number | null; pack: number; durable: boolean }[] = [];
  readonly #packs = Array.from({ length: LANES }, () => ({ open: 0, next: 0 }));

  apply(step: Step, seq: number): void {
    const packs = this.#packs[step.lane] ?? { open: 0, next: 0 };
    const mine = (pack: number) => this.#events.filter((event) => event.lane === step.lane && event.pack === pack);
    switch (step.kind) {
      case "accept":
        this.#events.push({ lane: step.lane, seq, timeMs: step.timeMs, pack: packs.open, durable: false });
        break;
      case "seal":
        if (mine(packs.open).length > 0) packs.open++;
        break;
      case "durable":
        if (packs.next === packs.open) return;
        for (const event of mine(packs.next)) event.durable = true;
        packs.next++;
        break;
    }
  }

  hasUndurableUpTo(seq: number): boolean {
    return this.#events.some((event) => !event.durable && event.seq <= seq);
  }

  /** The largest seq with nothing but durable events up to it. */
  mark(startSeq: number): LowWaterMark {
    const waiting = this.#events.findIndex((event) => !event.durable);
    const before = waiting === -1 ? this.#events : this.#events.slice(0, waiting);
    const oldest = this.#events[waiting];
    const seq = oldest === undefined ? (this.#events.at(-1)?.seq ?? startSeq) : oldest.seq - 1;
    return { seq, timeMs: before.findLast((event) => event.timeMs !== null)?.timeMs ?? null };
  }
}

function steps(minSeqStep: number): fc.Arbitrary<Step[]> {
  return fc.array(
    fc.record({
      kind: fc.constantFrom("accept", "accept", "seal", "durable"),
      lane: fc.nat(LANES - 1),
      seqStep: fc.integer({ min: minSeqStep, max: 5 }),
      timeMs: fc.option(fc.nat(1_000_000), { nil: null }),
    }),
    { maxLength: 80 },
  );
}

function apply(lowWater: LowWater, step: Step, seq: number): void {
  switch (step.kind) {
    case "accept":
      lowWater.accept(step.lane, seq, step.timeMs);
      break;
    case "seal":
      lowWater.seal(step.lane);
      break;
    case "durable":
      lowWater.durable(step.lane);
      break;
  }
}

describe("the low-water mark", () => {
  test("follows its worked example", () => {
    const lowWater = new LowWater(2, { seq: 100, timeMs: 100_000 });
    lowWater.accept(0, 101, 101_000);
    lowWater.accept(1, 102, 102_000);
    lowWater.accept(0, 105, null);
    lowWater.accept(1, 107, 107_000);
    lowWater.seal(0);
    lowWater.seal(1);
    lowWater.durable(1);
    expect(lowWater.mark()).toEqual({ seq: 100, timeMs: 100_000 });
    lowWater.durable(0);
    expect(lowWater.mark()).toEqual({ seq: 107, timeMs: 107_000 });
    lowWater.accept(0, 109, 109_000);
    expect(lowWater.mark()).toEqual({ seq: 108, timeMs: 107_000 });
    lowWater.accept(1, 112, 112_000);
    lowWater.seal(1);
    lowWater.durable(1);
    expect(lowWater.mark()).toEqual({ seq: 108, timeMs: 107_000 });
  });

  test("is that of a model which remembers everything, whatever becomes durable when", () => {
    fc.assert(
      fc.property(steps(1), (all) => {
        const lowWater = new LowWater(LANES, { seq: 0, timeMs: null });
        const model = new NaiveModel();
        let seq = 0;
        for (const step of all) {
          if (step.kind === "accept") seq += step.seqStep;
          apply(lowWater, step, seq);
          model.apply(step, seq);
          expect(lowWater.mark().seq).toBe(model.mark(0).seq);
        }
        expect(lowWater.mark()).toEqual(model.mark(0));
      }),
      { numRuns: 500 },
    );
  });

  test("never moves back, even where a seq comes twice, and never passes an event that came before it and waits", () => {
    fc.assert(
      fc.property(steps(0), (all) => {
        const lowWater = new LowWater(LANES, { seq: 0, timeMs: null });
        const model = new NaiveModel();
        let seq = 1;
        let last = 0;
        for (const step of all) {
          if (step.kind === "accept") seq += step.seqStep;
          apply(lowWater, step, seq);
          model.apply(step, seq);
          const mark = lowWater.mark().seq;
          expect(mark).toBeGreaterThanOrEqual(last);
          if (mark > last) expect(model.hasUndurableUpTo(mark)).toBe(false);
          last = mark;
        }
      }),
      { numRuns: 500 },
    );
  });

  test("stays behind an unreadable frame that repeats the seq before it", () => {
    const lowWater = new LowWater(2, { seq: 0, timeMs: null });
    lowWater.accept(0, 5, null);
    lowWater.seal(0);
    lowWater.durable(0);
    expect(lowWater.mark().seq).toBe(5);
    lowWater.accept(1, 5, null);
    lowWater.accept(0, 6, null);
    lowWater.seal(0);
    lowWater.durable(0);
    expect(lowWater.mark().seq).toBe(5);
    lowWater.seal(1);
    lowWater.durable(1);
    expect(lowWater.mark().seq).toBe(6);
  });
});

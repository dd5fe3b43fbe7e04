/** What may happen to a pipeline, in any order: a schedule is a list of these. Shrinking a failing one leaves the few that matter. */
import fc from "fast-check";

export const LANES = 3;

export type Step =
  /** The relay sends so many more events. */
  | { readonly kind: "deliver"; readonly events: number }
  | { readonly kind: "flush" }
  /** The stream takes the pack that is on its way in a lane; its answer may get lost, and the writer sends it again. */
  | { readonly kind: "put"; readonly lane: number; readonly isAnswered: boolean }
  /** The ingester's regular save of its cursor. */
  | { readonly kind: "save" }
  /** The checkpoint refuses from now on, or takes again. */
  | { readonly kind: "checkpoint-away"; readonly isAway: boolean }
  | { readonly kind: "kill-ingester" }
  /** A second ingester takes over while the first one lives. */
  | { readonly kind: "take-over" }
  /** A pack that a dead or replaced ingester had sent arrives. */
  | { readonly kind: "late-put"; readonly at: number }
  /** A consumer works the next packs of a lane. */
  | {
      readonly kind: "consume";
      readonly lane: number;
      readonly packs: number;
      readonly how: "well" | "away" | "die-before-commit" | "die-after-commit";
      /** The how manieth transaction meets the trouble. */
      readonly after: number;
    }
  /** Two lanes in one batch. */
  | { readonly kind: "consume-two"; readonly packs: number }
  /** Packs that were applied before come again. */
  | { readonly kind: "replay"; readonly lane: number; readonly back: number; readonly packs: number }
  /** The lane's next pack is taken out of the stream for later, and goes on without it. */
  | { readonly kind: "to-bucket"; readonly lane: number }
  | { readonly kind: "redrive" };

const lane = fc.integer({ min: 0, max: LANES - 1 });
const few = fc.integer({ min: 1, max: 4 });

export const arbitraryStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("deliver"), events: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("flush") }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("put"), lane, isAnswered: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("save") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("checkpoint-away"), isAway: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("kill-ingester") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("take-over") }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("late-put"), at: fc.nat(3) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("consume"),
      lane,
      packs: few,
      how: fc.constantFrom("well", "well", "away", "die-before-commit", "die-after-commit"),
      after: fc.nat(3),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("consume-two"), packs: few }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("replay"), lane, back: fc.integer({ min: 1, max: 6 }), packs: few }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("to-bucket"), lane }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("redrive") }) },
);

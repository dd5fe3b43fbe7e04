/** Mutated inputs through a decoder that reads from outside: nothing may throw, take long, or break what every result promises. */
import { mutate, type Random, seededRandom } from "./mutate.ts";

/** A decoder, what it is fed with, and what it promises. */
export interface FuzzTarget {
  readonly name: string;
  /** Real ones, to be spoiled. */
  readonly inputs: () => readonly Uint8Array[];
  /** How they are spoiled, where bytes are not what they are made of. */
  readonly mutate?: (input: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;
  /**
   * Reads the input and checks every promise. In a word or two, what it turned out as: `commit`, `bad-body`.
   * @throws where a promise is broken.
   */
  readonly read: (input: Uint8Array) => string;
}

export interface FuzzOptions {
  readonly iterations: number;
  readonly seed: number;
  /** Spoiled as the target's own inputs are, beside them. */
  readonly corpus?: readonly Uint8Array[];
  /** No further iteration begins after so many milliseconds; without it, all run. */
  readonly limitMs?: number;
}

export interface FuzzReport {
  readonly iterations: number;
  /** How many inputs turned out as what. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** The shortest input of each outcome. */
  readonly shortest: ReadonlyMap<string, Uint8Array>;
  /** The longest that one input took, milliseconds. */
  readonly slowestMs: number;
}

/** A promise was broken. `input` is what did it; target, iteration and seed lead there again. */
export class FuzzError extends Error {
  override readonly name = "FuzzError";
  readonly target: string;
  readonly iteration: number;
  readonly input: Uint8Array;

  constructor(
    place: { readonly target: string; readonly iteration: number; readonly input: Uint8Array },
    cause: unknown,
  ) {
    super(`${place.target}, iteration ${place.iteration}: ${String(cause)}`, { cause });
    this.target = place.target;
    this.iteration = place.iteration;
    this.input = place.input;
  }
}

/** @throws FuzzError at the first input that breaks a promise. */
export function fuzz(target: FuzzTarget, options: FuzzOptions): FuzzReport {
  const { iterations, seed, corpus = [], limitMs = Number.POSITIVE_INFINITY } = options;
  const inputs = [...target.inputs(), ...corpus];
  const random = seededRandom(seed);
  const pick = (): Uint8Array => inputs[random(inputs.length)] ?? new Uint8Array();
  const outcomes = new Map<string, number>();
  const shortest = new Map<string, Uint8Array>();
  const endMs = performance.now() + limitMs;
  let slowestMs = 0;
  let iteration = 0;
  for (; iteration < iterations && performance.now() < endMs; iteration += 1) {
    const input = (target.mutate ?? mutate)(pick(), random, pick());
    const startedMs = performance.now();
    const outcome = outcomeOf(target, input, iteration);
    slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    if (input.length < (shortest.get(outcome)?.length ?? Number.POSITIVE_INFINITY)) shortest.set(outcome, input);
  }
  return { iterations: iteration, outcomes, shortest, slowestMs };
}

function outcomeOf(target: FuzzTarget, input: Uint8Array, iteration: number): string {
  try {
    return target.read(input);
  } catch (error) {
    throw new FuzzError({ target: target.name, iteration, input }, error);
  }
}

export function promise(kept: boolean, what: string): asserts kept {
  if (!kept) throw new Error(`promise broken: ${what}`);
}

/** Spoils frames in the ways that matter to a decoder: at random, and where lengths, types, keys and CIDs stand. Seeded, so that every finding can be had again. */

/** Random integers from a seed (mulberry32): 0 … below−1. */
export type Random = (below: number) => number;

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * below);
  };
}

type Mutation = (frame: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

/** Heads that break rules or ask for much: long counts and lengths, indefinite ones, floats, tags, reserved values. */
const NASTY_HEADS = [
  [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0xbb, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
  [0x9a, 0, 1, 0xff, 0xff],
  [0x7b, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0x5a, 0xff, 0xff, 0xff, 0xff],
  [0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0],
  [0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0],
  [0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0xd8, 0x2a, 0x58, 0x25, 0, 1, 0x71, 0x12, 0x20],
  [0xc2, 0x41, 1],
  [0x9f],
  [0xbf],
  [0xff],
  [0xf7],
  [0x69, 0x5f, 0x5f, 0x70, 0x72, 0x6f, 0x74, 0x6f, 0x5f, 0x5f],
  Array.from({ length: 64 }, () => 0x81),
  Array.from({ length: 64 }, () => 0xa1),
] as const;

/** Offsets where a head of a text, map, array or link probably stands: changing those goes deeper than changing content. */
function structuralOffset(frame: Uint8Array, random: Random): number {
  const start = random(frame.length);
  for (let i = 0; i < 200; i += 1) {
    const at = (start + i) % frame.length;
    const byte = frame[at] ?? 0;
    if (byte === 0xd8 || byte >> 5 === 5 || byte >> 5 === 4 || (byte >= 0x61 && byte <= 0x6a)) {
      return at;
    }
  }
  return start;
}

function splice(frame: Uint8Array, at: number, remove: number, insert: Uint8Array | readonly number[]): Uint8Array {
  return Buffer.concat([
    frame.subarray(0, at),
    Uint8Array.from(insert),
    frame.subarray(Math.min(frame.length, at + remove)),
  ]);
}

const MUTATIONS: readonly Mutation[] = [
  // One bit.
  (frame, random) => {
    const at = random(frame.length);
    return splice(frame, at, 1, [(frame[at] ?? 0) ^ (1 << random(8))]);
  },
  // One byte, any or a head's.
  (frame, random) => splice(frame, random(frame.length), 1, [random(256)]),
  (frame, random) => splice(frame, structuralOffset(frame, random), 1, [random(256)]),
  // A length or count one more or less.
  (frame, random) => {
    const at = structuralOffset(frame, random);
    return splice(frame, at, 1, [((frame[at] ?? 0) + (random(2) === 0 ? 1 : 255)) & 255]);
  },
  // Cut at the end, or a piece out of the middle.
  (frame, random) => frame.slice(0, random(frame.length)),
  (frame, random) => splice(frame, random(frame.length), 1 + random(64), []),
  // A nasty head in the place of something, or between.
  (frame, random) =>
    splice(frame, structuralOffset(frame, random), random(3), NASTY_HEADS[random(NASTY_HEADS.length)] ?? []),
  // A piece twice: keys, ops, blocks.
  (frame, random) => {
    const at = structuralOffset(frame, random);
    return splice(frame, at, 0, frame.subarray(at, at + 1 + random(200)));
  },
  // A piece of another frame.
  (frame, random, other) => {
    const from = structuralOffset(other, random);
    return splice(frame, structuralOffset(frame, random), random(64), other.subarray(from, from + 1 + random(200)));
  },
  // The head of one and the rest of the other.
  (frame, random, other) => splice(frame, random(frame.length), frame.length, other.subarray(random(other.length))),
];

/** The frame with one to four mutations; the one given stays as it is. */
export function mutate(frame: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  let mutated = frame;
  for (let left = 1 + (random(3) === 0 ? random(4) : 0); left > 0 && mutated.length > 0; left -= 1) {
    mutated = (MUTATIONS[random(MUTATIONS.length)] ?? ((same) => same))(mutated, random, other);
  }
  return mutated;
}

/** Seeded numbers: the same seed gives the same load on every machine. None of it is for secrets. */

/** 32 bits in, 32 well mixed bits out (the finalizer of MurmurHash3): what an index stands for, without storing it. */
export function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Of an index beyond 32 bits, or a negative one, and of what it is asked for. */
export function mixOf(index: number, salt: number): number {
  return mix(mix((index >>> 0) ^ salt) ^ Math.floor(index / 2 ** 32) ^ Math.imul(salt, 0x9e3779b1));
}

const UNIT = 2 ** -32;

/** As a number in [0, 1). */
export function unitOf(index: number, salt: number): number {
  return mixOf(index, salt) * UNIT;
}

/** A sequence (xoshiro128**): period 2^128 − 1. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    this.#a = mix(seed ^ 0x243f6a88);
    this.#b = mix(seed ^ 0x85a308d3);
    this.#c = mix(seed ^ 0x13198a2e);
    this.#d = mix(seed ^ 0x03707344) | 1;
  }

  /** 32 bits. */
  bits(): number {
    const scrambled = Math.imul(this.#b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** [0, 1) */
  unit(): number {
    return this.bits() * UNIT;
  }

  /** 0 … limit − 1 */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }

  /** Of the normal distribution around 0 with standard deviation 1. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.unit())) * Math.cos(2 * Math.PI * this.unit());
  }
}

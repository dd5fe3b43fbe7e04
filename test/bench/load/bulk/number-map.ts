/** Whole numbers up to 2^53 in, the int4 given to each out: 12 bytes a place, where a Map takes 50. 0 stands for none. */

const FIRST_PLACES = 2 ** 16;
const EMPTY = Number.NaN;

export class NumberMap {
  #keys = new Float64Array(FIRST_PLACES).fill(EMPTY);
  #values = new Int32Array(FIRST_PLACES);
  #count = 0;

  get(key: number): number {
    const place = this.#placeOf(key);
    return this.#keys[place] === key ? (this.#values[place] ?? 0) : 0;
  }

  set(key: number, value: number): void {
    if (2 * this.#count > this.#keys.length) this.#grow();
    const place = this.#placeOf(key);
    if (this.#keys[place] !== key) this.#count += 1;
    this.#keys[place] = key;
    this.#values[place] = value;
  }

  /** Where the key is, or the free place where it would be. */
  #placeOf(key: number): number {
    const mask = this.#keys.length - 1;
    const high = Math.floor(key / 2 ** 32);
    const mixed = Math.imul((key | 0) ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1);
    let place = (mixed ^ (mixed >>> 15)) & mask;
    while (this.#keys[place] !== key && !Number.isNaN(this.#keys[place])) place = (place + 1) & mask;
    return place;
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = new Float64Array(2 * keys.length).fill(EMPTY);
    this.#values = new Int32Array(2 * keys.length);
    this.#count = 0;
    keys.forEach((key, place) => {
      if (!Number.isNaN(key)) this.set(key, values[place] ?? 0);
    });
  }
}

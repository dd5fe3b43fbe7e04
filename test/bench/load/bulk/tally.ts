/** How much some counters of each number (of an account, a subject) have grown since they were last taken. */

const FIRST_NUMBERS = 2 ** 16;

export class Tally {
  readonly #columns: number;
  #counts: Int32Array;
  #touched: number[] = [];

  constructor(columns: number) {
    this.#columns = columns;
    this.#counts = new Int32Array(FIRST_NUMBERS * columns);
  }

  add(number: number, column: number): void {
    const from = number * this.#columns;
    if (from + this.#columns > this.#counts.length) {
      const larger = new Int32Array(2 * from + this.#columns);
      larger.set(this.#counts);
      this.#counts = larger;
    }
    let isTouched = false;
    for (let at = from; at < from + this.#columns; at += 1) isTouched ||= this.#counts[at] !== 0;
    if (!isTouched) this.#touched.push(number);
    this.#counts[from + column] = (this.#counts[from + column] ?? 0) + 1;
  }

  /** Each number that has grown with what it has grown by; all is 0 again afterwards. */
  take(each: (number: number, counts: Int32Array) => void): void {
    for (const number of this.#touched) {
      const counts = this.#counts.subarray(number * this.#columns, (number + 1) * this.#columns);
      each(number, counts);
      counts.fill(0);
    }
    this.#touched = [];
  }
}

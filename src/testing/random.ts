/** Numbers that look random and are the same for the same seed (mulberry32), so that a failed run can be repeated. */
export class SeededRandom {
  /** From 0 to 2^32 - 1. */
  readonly seed: number;
  #state: number;

  /** Other numbers tell apart those who draw from one seed: none disturbs the draws of another. */
  constructor(seed: number, ...apart: readonly number[]) {
    this.seed = seed;
    this.#state = seed >>> 0;
    for (const number of apart) this.#state = Math.floor(this.next() * 2 ** 32) ^ number;
  }

  /** From 0 up to, never including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both bounds included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }
}

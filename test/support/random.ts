/** Numbers that look random and are the same for the same seed (mulberry32), so that a failed run can be repeated. */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  /** From 0 up to, never including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both bounds included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count);
    for (let i = 0; i < count; i++) bytes[i] = this.int(0, 255);
    return bytes;
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error("nothing to pick from");
    return list[this.int(0, list.length - 1)] as T;
  }

  /** A shuffled copy. */
  shuffle<T>(list: readonly T[]): T[] {
    const rest = [...list];
    const result: T[] = [];
    while (rest.length > 0) result.push(...rest.splice(this.int(0, rest.length - 1), 1));
    return result;
  }

  /** The bytes cut into pieces of 1 to `maxBytes`, in order. */
  slices(data: Uint8Array, maxBytes: number): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    for (let start = 0; start < data.length;) {
      const end = start + this.int(1, maxBytes);
      pieces.push(data.subarray(start, end));
      start = end;
    }
    return pieces;
  }
}

/** CHANNELKIT_SEED, or a new seed. Print it: without it, a failure cannot be repeated. */
export function seedFromEnvironment(): number {
  const given = process.env["CHANNELKIT_SEED"];
  if (given === undefined || given === "") return Math.floor(Math.random() * 2 ** 32);
  const seed = Number(given);
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) throw new Error(`CHANNELKIT_SEED is no seed: ${given}`);
  return seed;
}

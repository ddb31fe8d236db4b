import { SeededRandom } from "../../src/testing/random.ts";

/** What tests draw, besides, from numbers that are the same for the same seed. */
export class Random extends SeededRandom {
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

/** CHANNELKIT_ROUNDS, or so many: how often a test with random input tries another one. */
export function roundsFromEnvironment(usual: number): number {
  const given = process.env["CHANNELKIT_ROUNDS"];
  if (given === undefined || given === "") return usual;
  const rounds = Number(given);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`CHANNELKIT_ROUNDS is no number of rounds: ${given}`);
  return rounds;
}

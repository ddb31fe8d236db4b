import type { Sample } from "./soak.ts";

/** Of what is in use while clients come and go, so much is chance. */
const chanceBytes = 4 * 2 ** 20;

/** How the heap of a run grew behind its beginning. */
export type Growth = { readonly fromBytes: number; readonly toBytes: number; readonly isFlat: boolean };

/** Compares the least of the second quarter with the least of the last: what is under way at a moment is in neither. */
export function growthOf(samples: readonly Sample[]): Growth {
  const quarter = Math.floor(samples.length / 4);
  const least = (part: readonly Sample[]): number => Math.min(...part.map(({ heapBytes }) => heapBytes));
  const fromBytes = least(samples.slice(quarter, 2 * quarter));
  const toBytes = least(samples.slice(3 * quarter));
  return { fromBytes, toBytes, isFlat: toBytes - fromBytes < chanceBytes };
}

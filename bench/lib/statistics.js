// @ts-check
/** @typedef {Record<string, number>} Figures of one round */
/** @typedef {{ median: number, spread: number }} Summary */

/**
 * @param {Figures[]} rounds
 * @returns {Record<string, Summary>}
 */
export function summarise(rounds) {
  const names = Object.keys(rounds[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, summariseValues(rounds.map((round) => round[name] ?? Number.NaN))]),
  );
}

/**
 * The median, and half of the distance of the quartiles as a share of it.
 *
 * @param {number[]} values
 * @returns {Summary}
 */
export function summariseValues(values) {
  const sorted = values.toSorted((one, other) => one - other);
  const median = quantile(sorted, 0.5);
  return { median, spread: (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 2 / median };
}

/**
 * Between two values, in proportion.
 *
 * @param {number[]} sorted
 * @param {number} share
 */
function quantile(sorted, share) {
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN];
  return low + (high - low) * (at % 1);
}

// @ts-check
import { summarise, summariseValues } from "./statistics.js";

/** @typedef {import("./question.js").Bar} Bar */
/** @typedef {import("./statistics.js").Figures} Figures */
/**
 * `by` is the figure that was compared: the CPU time where a bar on the rate cannot be judged by the rate.
 *
 * @typedef {Bar & { isMet: boolean, value: number, spread: number, by: import("./question.js").Figure }} Verdict
 */

/** A server whose event loop has run for less of the time could have done more: its rate says little of it. */
export const saturatedShare = 0.9;

/**
 * Holds channelkit against a bar: the ratio of the medians, and the spread of the ratios of each round.
 *
 * A rate is compared only where both servers were saturated. Else something else held one of them back, mostly the
 * load, which pays for as many system calls as a fast server: then the CPU times of their messages are compared, of
 * which a saturated server's rate is the inverse.
 *
 * @param {Bar} bar
 * @param {Map<string, Figures[]>} rows
 * @returns {Verdict}
 */
export function judge(bar, rows) {
  const { of = "channelkit", against, atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = bar;
  const own = rows.get(of) ?? [];
  const other = against === undefined ? undefined : (rows.get(against) ?? []);
  const isByCpu = bar.figure === "rate" && other !== undefined && ![own, other].every(isSaturated);
  const by = isByCpu ? "cpu" : bar.figure;
  const compare = (/** @type {number} */ mine, /** @type {number} */ theirs) =>
    isByCpu ? theirs / mine : mine / theirs;
  const ratios = own.map((round, index) =>
    compare(round[by] ?? Number.NaN, other === undefined ? 1 : (other[index]?.[by] ?? Number.NaN)),
  );
  const value = compare(medianOf(own, by), other === undefined ? 1 : medianOf(other, by));
  const isMet = value >= atLeast && value <= atMost;
  return { ...bar, by, isMet, value, spread: summariseValues(ratios).spread };
}

/** @param {Figures[]} rounds */
export function isSaturated(rounds) {
  return medianOf(rounds, "serverBusy") >= saturatedShare;
}

/**
 * @param {Figures[]} rounds
 * @param {string} figure
 */
function medianOf(rounds, figure) {
  return summarise(rounds)[figure]?.median ?? Number.NaN;
}

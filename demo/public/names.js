const first = "Amber Bold Brisk Calm Clever Daring Eager Fleet Gentle Jolly Keen Lively Merry Nimble Quiet Sunny".split(
  " ",
);
const second = "Badger Crane Finch Fox Hare Heron Ibex Lynx Marten Newt Otter Owl Puffin Robin Seal Wren".split(" ");

/**
 * A name that nobody else here is likely to have.
 *
 * @returns {string}
 */
export function pickName() {
  return `${pick(first)} ${pick(second)}`;
}

/** @param {string[]} words */
function pick(words) {
  return words[Math.floor(Math.random() * words.length)] ?? "";
}

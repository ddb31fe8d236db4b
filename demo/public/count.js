import { find } from "./elements.js";
import { Tally } from "./tally.js";

/** @typedef {import("./protocol.js").Count} Count */

/** What was sent, and what became of it, in both directions. */
export class Counts {
  #rows = { up: rowOf("up"), down: rowOf("down") };
  #came = new Tally();
  /** @type {Count | undefined} */
  #got;
  #number = 0;

  /** The number of the next message. */
  next() {
    this.#number += 1;
    this.#show();
    return this.#number;
  }

  /**
   * A message of the server came.
   *
   * @param {number} number
   * @param {Count} got what the server has counted
   */
  take(number, got) {
    this.#came.take(number);
    this.#got = got;
    this.#show();
  }

  /** The server knows nothing of before, and counts from the beginning. */
  startAnew() {
    this.#came = new Tally();
    this.#got = undefined;
  }

  #show() {
    const { sent, arrived, lost, doubled } = this.#came;
    fill(this.#rows.down, { sent, arrived, lost, doubled });
    const { first = 1, ...got } = this.#got ?? { first: 1, arrived: 0, lost: 0, doubled: 0 };
    fill(this.#rows.up, { sent: this.#number - first + 1, ...got });
  }
}

/** @param {"up" | "down"} way */
function rowOf(way) {
  return find(`.count [data-way="${way}"]`, HTMLElement);
}

/**
 * @param {HTMLElement} row
 * @param {Record<string, number>} counts
 */
function fill(row, counts) {
  for (const [name, count] of Object.entries(counts)) {
    const cell = find(`[data-count="${name}"]`, HTMLElement, row);
    cell.textContent = String(count);
    cell.classList.toggle("bad", count > 0 && (name === "lost" || name === "doubled"));
  }
}

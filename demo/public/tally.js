/**
 * Counts what arrives by its number, of which each is one above the one before: what is left out was lost, and what comes
 * again was doubled. Nothing of the channel is believed, only what is seen.
 */
export class Tally {
  /** The number that came first; undefined while none has. */
  first = /** @type {number | undefined} */ (undefined);
  arrived = 0;
  lost = 0;
  doubled = 0;
  #latest = 0;

  /** @param {number} number */
  take(number) {
    if (this.first === undefined) {
      this.first = number;
      this.#latest = number - 1;
    }
    this.arrived += 1;
    if (number <= this.#latest) {
      this.doubled += 1;
      return;
    }
    this.lost += number - this.#latest - 1;
    this.#latest = number;
  }

  /** How many were sent until the latest that arrived. */
  get sent() {
    return this.first === undefined ? 0 : this.#latest - this.first + 1;
  }
}

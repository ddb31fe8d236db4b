// @ts-check
/** The clock of all processes of this machine. */

/** Milliseconds. */
export function nowMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}

/**
 * When a message is to be broadcast. Its time counts from then on, however late the server is.
 *
 * @param {number} startMs
 * @param {number} rate a second
 * @param {number} index
 */
export function due(startMs, rate, index) {
  return startMs + (1000 * index) / rate;
}

/** @param {number} ms @returns {Promise<void>} */
export function wait(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

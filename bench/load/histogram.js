// @ts-check

/** Steps for each doubling: a value is known to 2 %. */
const steps = 32;

/** Times in milliseconds, in buckets that grow with the value: from a microsecond to a minute. */
export class Histogram {
  #buckets = new Uint32Array(26 * steps);
  #count = 0;

  /** @param {number} ms */
  add(ms) {
    const bucket = Math.floor(Math.log2(Math.max(1, ms * 1000)) * steps);
    const index = Math.min(bucket, this.#buckets.length - 1);
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.#count += 1;
  }

  clear() {
    this.#buckets.fill(0);
    this.#count = 0;
  }

  /** @param {number} share of the values that are no larger than the result */
  quantile(share) {
    if (this.#count === 0) return undefined;
    let left = Math.ceil(share * this.#count);
    const bucket = this.#buckets.findIndex((count) => (left -= count) <= 0);
    return 2 ** ((bucket + 0.5) / steps) / 1000;
  }

  quantiles() {
    return { p50: this.quantile(0.5), p99: this.quantile(0.99), p999: this.quantile(0.999) };
  }
}

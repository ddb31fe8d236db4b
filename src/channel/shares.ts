/** Of an interval, so much at most is left out: pings of many that fell silent together then do not come together. */
export const mostEarly = 0.2;

/** Steps of this share around a whole are spread evenly, however many there are: those of random ones come in heaps. */
const goldenRatio = 0.618_033_988_75;

/** Shares from 0 to below 1, one after the other. */
export class Shares {
  #latest = 0;

  next(): number {
    this.#latest = (this.#latest + goldenRatio) % 1;
    return this.#latest;
  }
}

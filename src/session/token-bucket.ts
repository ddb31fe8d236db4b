/** Something that may happen so many times at once, and so often from then on. */
export class TokenBucket {
  readonly #most: number;
  readonly #perMs: number;
  #tokens: number;
  #atMs: number;

  constructor(most: number, perMs: number, atMs: number) {
    this.#most = most;
    this.#perMs = perMs;
    this.#tokens = most;
    this.#atMs = atMs;
  }

  /** @returns false when it may not happen now */
  take(atMs: number): boolean {
    this.#tokens = this.#tokensAt(atMs);
    this.#atMs = atMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Whether it is as one that was never used. */
  isFull(atMs: number): boolean {
    return this.#tokensAt(atMs) >= this.#most;
  }

  #tokensAt(atMs: number): number {
    return Math.min(this.#most, this.#tokens + (atMs - this.#atMs) * this.#perMs);
  }
}

import { TokenBucket } from "./token-bucket.ts";

/** So many seconds' worth may come at once. */
const burstSeconds = 10;

/** How many sessions each address opens in a second. Those whose name is empty, of whom nothing is known, are not counted. */
export class OpeningRates {
  readonly #perSecond: number;
  readonly #mostAddresses: number;
  /** Those that opened one lately; the one that did so longest ago comes first. */
  readonly #buckets = new Map<string, TokenBucket>();

  /** @param mostAddresses - so many are remembered: beyond that, the one that opened one longest ago begins anew */
  constructor(perSecond: number, mostAddresses: number) {
    this.#perSecond = perSecond;
    this.#mostAddresses = mostAddresses;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** @returns false when an address may open none now */
  take(address: string, atMs: number): boolean {
    if (address === "") return true;
    const bucket = this.#buckets.get(address) ?? this.#create(atMs);
    if (!bucket.take(atMs)) return false;
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    this.#forgetOldest(atMs);
    return true;
  }

  #create(atMs: number): TokenBucket {
    return new TokenBucket(this.#perSecond * burstSeconds, this.#perSecond / 1000, atMs);
  }

  #forgetOldest(atMs: number): void {
    for (const [address, bucket] of this.#buckets) {
      if (this.#buckets.size <= this.#mostAddresses && !bucket.isFull(atMs)) return;
      this.#buckets.delete(address);
    }
  }
}

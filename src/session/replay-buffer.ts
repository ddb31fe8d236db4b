const smallestCapacity = 16;
/** More than this is not kept by a session that has nothing to hold: a burst made it that large. */
const largestIdleCapacity = 256;
/** Those of all sessions that never held anything, since most of them hold nothing most of the time. */
const none: never[] = [];

/** Who knows how much an item counts, at any time the same. */
export type Scale<Item> = {
  /** Of what may be kept for one peer. */
  bytesOf(item: Item): number;
  /** Of what is kept for all peers, some of which keep the very same items. */
  shareOf(item: Item, bytes: number): number;
};

/** Who sums up what several hold. */
export type Total = { add(bytes: number): void };

/**
 * What was sent and is not acknowledged, by number.
 *
 * The size of an item is asked for again when it is forgotten, but for text, which had to be gone through. Kept beside it, it
 * takes as much as the item does here, and in a broadcast to many each of them has left the cache of the processor when its
 * turn comes.
 *
 * A ring: each item is written once and forgotten in place. A list that is cut at its head would be copied again and
 * again, at the pace of the acks.
 */
export class ReplayBuffer<Item> {
  /** Their length is a power of two, or none while nothing was ever held. */
  #items: (Item | undefined)[] = none;
  /** As long as the items, once there was text among them. */
  #textBytes: number[] = none;
  #first = 1;
  #next = 1;
  #bytes = 0;
  #shareBytes = 0;
  #total: Total | undefined;

  /** The number of the oldest item that is held, or of the next one if there is none. */
  get first(): number {
    return this.#first;
  }

  /** The number that the next item gets. */
  get next(): number {
    return this.#next;
  }

  get count(): number {
    return this.#next - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What is held counts so much of a total. */
  get shareBytes(): number {
    return this.#shareBytes;
  }

  /** @param bytes - as the scale says */
  push(item: Item, bytes: number, scale: Scale<Item>): void {
    if (this.count === this.#items.length) this.#resize(Math.max(smallestCapacity, 2 * this.#items.length));
    const index = this.#indexOf(this.#next);
    this.#items[index] = item;
    if (typeof item === "string") this.#noteText(index, bytes);
    this.#next += 1;
    this.#bytes += bytes;
    this.#addShare(scale.shareOf(item, bytes));
  }

  /** What is held counts there from here on, and nowhere else. */
  countIn(total: Total | undefined): void {
    this.#total?.add(-this.#shareBytes);
    this.#total = total;
    total?.add(this.#shareBytes);
  }

  /** The item of a number that is held. */
  get(number: number): Item | undefined {
    if (number < this.#first || number >= this.#next) return undefined;
    return this.#items[this.#indexOf(number)];
  }

  /** Whether just these items are what is held from a number on. */
  endsWith(number: number, items: readonly unknown[]): boolean {
    if (number < this.#first || number + items.length !== this.#next) return false;
    let at = number;
    for (const item of items) if (this.#items[this.#indexOf(at++)] !== item) return false;
    return true;
  }

  /** Forgets everything before a number. */
  forgetBefore(number: number, scale: Scale<Item>): void {
    if (number <= this.#first) return;
    const end = Math.min(number, this.#next);
    let share = 0;
    for (; this.#first < end; this.#first += 1) {
      const index = this.#indexOf(this.#first);
      const item = this.#items[index];
      if (item === undefined) continue;
      const bytes = typeof item === "string" ? (this.#textBytes[index] ?? 0) : scale.bytesOf(item);
      this.#bytes -= bytes;
      share += scale.shareOf(item, bytes);
      this.#items[index] = undefined;
    }
    this.#addShare(-share);
    if (this.count === 0 && this.#items.length > largestIdleCapacity) this.#resize(0);
  }

  #indexOf(number: number): number {
    return number & (this.#items.length - 1);
  }

  #addShare(bytes: number): void {
    this.#shareBytes += bytes;
    this.#total?.add(bytes);
  }

  #noteText(index: number, bytes: number): void {
    if (this.#textBytes.length === 0) this.#textBytes = Array.from({ length: this.#items.length }, () => 0);
    this.#textBytes[index] = bytes;
  }

  #resize(capacity: number): void {
    const items = Array.from<Item | undefined>({ length: capacity });
    const textBytes = this.#textBytes.length === 0 ? none : Array.from({ length: capacity }, () => 0);
    for (let number = this.#first; number < this.#next; number++) {
      const from = this.#indexOf(number);
      items[number % capacity] = this.#items[from];
      if (textBytes.length > 0) textBytes[number % capacity] = this.#textBytes[from] ?? 0;
    }
    this.#items = items;
    this.#textBytes = textBytes;
  }
}

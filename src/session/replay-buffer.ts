/** What was sent and is not acknowledged, by number. */
export class ReplayBuffer<Item> {
  #items: (Item | undefined)[] = [];
  #sizes: number[] = [];
  /** Entries before this index are forgotten; shifting an array for each would move all others. */
  #head = 0;
  #first = 1;
  #bytes = 0;

  /** The number of the oldest item that is held, or of the next one if there is none. */
  get first(): number {
    return this.#first;
  }

  /** The number that the next item gets. */
  get next(): number {
    return this.#first + this.count;
  }

  get count(): number {
    return this.#items.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(item: Item, bytes: number): void {
    this.#items.push(item);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  /** The item of a number that is held. */
  get(number: number): Item | undefined {
    return this.#items[this.#head + number - this.#first];
  }

  /** Forgets everything before a number. */
  forgetBefore(number: number): void {
    while (this.#first < number && this.count > 0) {
      this.#bytes -= this.#sizes[this.#head] ?? 0;
      this.#items[this.#head] = undefined;
      this.#head += 1;
      this.#first += 1;
    }
    if (this.#head * 2 < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#sizes = this.#sizes.slice(this.#head);
    this.#head = 0;
  }

  /** Counts from 1 again: what is held belongs to a new session. */
  renumber(): void {
    this.#first = 1;
  }
}

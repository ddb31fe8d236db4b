/** A session as far as it may have to give up its transport. */
type Behind = {
  /** What it answers for of all that is kept; nothing while its client is away. */
  readonly presentBytes: number;
  detach(name: "slow"): void;
};

/** What is kept for all clients that are there, in bytes. */
export class PresentBytes {
  readonly #maxBytes: number;
  #bytes = 0;
  #isCutting = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isOver(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  /** @param bytes - below zero where they are kept no more */
  add(bytes: number): void {
    this.#bytes += bytes;
  }

  /**
   * Cuts off those that answer for the most, until an eighth is free: to look for them takes a while, and would else be done
   * for each message.
   */
  cutOff(sessions: Iterable<Behind>): void {
    // Where that ends sessions of others, their applications are told, and may send.
    if (this.#isCutting) return;
    this.#isCutting = true;
    try {
      const all = Array.from(sessions, (session) => ({ session, bytes: session.presentBytes }));
      all.sort((one, other) => other.bytes - one.bytes);
      for (const { session } of all) {
        if (this.#bytes <= this.#maxBytes - this.#maxBytes / 8) break;
        session.detach("slow");
      }
    } finally {
      this.#isCutting = false;
    }
  }
}

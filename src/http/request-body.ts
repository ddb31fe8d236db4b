const empty: Buffer = Buffer.alloc(0);

/**
 * The body of a request as it arrives.
 *
 * Held in one piece: a client may send it byte by byte, and an object for each would take a hundred times its size.
 */
export class RequestBody {
  #bytes: Buffer = empty;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(piece: Buffer): void {
    const length = this.#length + piece.length;
    // Mostly all of it is there at once.
    if (this.#length === 0) this.#bytes = piece;
    else {
      // Twice as large as needed, so that all copies together are no more than a few times the body.
      if (length > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], length * 2);
      piece.copy(this.#bytes, this.#length);
    }
    this.#length = length;
  }

  /** All of it in a buffer of its own, which keeps nothing else in memory. */
  toBuffer(): Buffer {
    return Buffer.concat([this.#bytes], this.#length);
  }
}

/** Collects bytes up to a limit. */
export class HeldBytes {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #sizeBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** @returns false when it is too much; nothing is kept then */
  add(bytes: Buffer): boolean {
    this.#parts.push(bytes);
    this.#sizeBytes += bytes.length;
    if (this.#sizeBytes <= this.#maxBytes) return true;
    this.take();
    return false;
  }

  /** All of it, in one piece. It is empty afterwards. */
  take(): Buffer {
    const parts = this.#parts;
    this.#parts = [];
    this.#sizeBytes = 0;
    return Buffer.concat(parts);
  }
}

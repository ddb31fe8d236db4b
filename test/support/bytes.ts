/** Text is written as Latin-1: one character, one byte. */
export type Bytes = string | Uint8Array;

const shownBytes = 2048;

/** Throws on a character that is no byte, which would otherwise reach the wire as a different one. */
export function toBytes(data: Bytes): Buffer {
  if (typeof data !== "string") return Buffer.from(data);
  const bytes = Buffer.from(data, "latin1");
  if (bytes.toString("latin1") !== data) throw new Error(`not Latin-1, pass a Buffer: ${JSON.stringify(data)}`);
  return bytes;
}

/** For messages: JSON-escaped, and cut, since a failed test must not print a megabyte. */
export function showBytes(bytes: Buffer): string {
  const text = JSON.stringify(bytes.toString("latin1", 0, shownBytes));
  return bytes.length > shownBytes ? `${text} and ${bytes.length - shownBytes} bytes more` : text;
}

/** Bytes as they arrive: all are kept, and reads take them from the front. Views handed out stay valid. */
export class Inbox {
  #store = Buffer.alloc(0);
  #receivedBytes = 0;
  #takenBytes = 0;

  get received(): Buffer {
    return this.#store.subarray(0, this.#receivedBytes);
  }

  get unread(): Buffer {
    return this.#store.subarray(this.#takenBytes, this.#receivedBytes);
  }

  append(bytes: Buffer): void {
    const neededBytes = this.#receivedBytes + bytes.length;
    if (neededBytes > this.#store.length) {
      const larger = Buffer.alloc(Math.max(neededBytes, 2 * this.#store.length));
      this.received.copy(larger);
      this.#store = larger;
    }
    bytes.copy(this.#store, this.#receivedBytes);
    this.#receivedBytes = neededBytes;
  }

  skip(sizeBytes: number): void {
    this.#takenBytes += sizeBytes;
  }

  describe(): string {
    const counts = `${this.#receivedBytes} bytes received, ${this.unread.length} of them unread`;
    return this.unread.length > 0
      ? `${counts}: ${showBytes(this.unread)}`
      : `${counts}; received: ${showBytes(this.received)}`;
  }
}

const lineFeed = 0x0a;
/** A chunk's size line with its extensions; a trailer line. */
const maxLineBytes = 64 * 1024;

/** Finds the end of a chunked body (RFC 9112 §7.1) and looks at nothing else of it. */
export class ChunkedEnd {
  state: "reading" | "complete" | "unreadable" = "reading";
  #line = "";
  #lineBytes = 0;
  /** Of a chunk's data with the line end behind it. */
  #dataBytes = 0;
  #isInTrailers = false;

  /** @returns how many of the bytes belong to the body */
  take(bytes: Buffer): number {
    let index = 0;
    while (index < bytes.length && this.state === "reading") {
      if (this.#dataBytes > 0) {
        const passed = Math.min(this.#dataBytes, bytes.length - index);
        this.#dataBytes -= passed;
        index += passed;
      } else {
        this.#takeOfLine(bytes[index] ?? 0);
        index += 1;
      }
    }
    return index;
  }

  #takeOfLine(byte: number): void {
    this.#lineBytes += 1;
    if (this.#lineBytes > maxLineBytes) this.state = "unreadable";
    // A size has at most 14 digits that make a safe integer.
    else if (byte !== lineFeed) this.#line = (this.#line + String.fromCharCode(byte)).slice(0, 20);
    else {
      this.#endLine(this.#line.trim());
      this.#line = "";
      this.#lineBytes = 0;
    }
  }

  #endLine(line: string): void {
    if (this.#isInTrailers) {
      if (line === "") this.state = "complete";
      return;
    }
    const [, digits] = /^([0-9a-f]{1,13})\s*(?:;|$)/i.exec(line) ?? [];
    if (digits === undefined) this.state = "unreadable";
    else if (Number.parseInt(digits, 16) === 0) this.#isInTrailers = true;
    else this.#dataBytes = Number.parseInt(digits, 16) + 2;
  }
}

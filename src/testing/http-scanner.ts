import { ChunkedEnd } from "./chunked-end.ts";

/** The head of a request or response. */
export type Head = {
  /** All of it, with the empty line. */
  readonly bytes: Buffer;
  /** The request line or status line. */
  readonly startLine: string;
  /** By names in lower case; lines of one name are joined by commas. */
  readonly fields: ReadonlyMap<string, string>;
};

/** How the end of a body is found; a number is its length. `unreadable`: what the head says makes no sense. */
export type Framing = number | "chunked" | "until-end" | "tunnel" | "unreadable";

/** Whom a scanner tells what it has found. All bytes come through here once, in order. */
export type ScannerListener = {
  onHead(head: Head): Framing;
  onBody(bytes: Buffer): void;
  /** The message is complete. */
  onEnd(): void;
  /** This is no HTTP, and everything from here on comes as a body without end. */
  onUnreadable(reason: string): void;
};

const maxHeadBytes = 64 * 1024;
const headEnd = "\r\n\r\n";
const startLinePattern = /^(?:[!-~]+ [!-~]+ HTTP\/1\.[01]|HTTP\/1\.[01] \d{3}(?: .*)?)$/;

/** Finds where the messages on one direction of a connection begin and end, as far as RFC 9112 §6 needs to be known. */
export class HttpScanner {
  readonly #listener: ScannerListener;
  #unfinishedHead: Buffer = Buffer.alloc(0);
  #framing: Framing | "head" = "head";
  #remainingBytes = 0;
  #chunkedEnd = new ChunkedEnd();

  constructor(listener: ScannerListener) {
    this.#listener = listener;
  }

  write(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0) rest = this.#framing === "head" ? this.#readHead(rest) : this.#readBody(rest);
  }

  /** No more bytes come. */
  end(): void {
    if (this.#unfinishedHead.length > 0) this.#giveUp("the connection ended within a head");
    else if (this.#framing === "until-end") this.#complete();
  }

  /** What was taken for a tunnel was none: the next byte begins a message. */
  leaveTunnel(): void {
    if (this.#framing === "tunnel") this.#framing = "head";
  }

  #readHead(bytes: Buffer): Buffer {
    const all = this.#unfinishedHead.length === 0 ? bytes : Buffer.concat([this.#unfinishedHead, bytes]);
    this.#unfinishedHead = all;
    const begin = skipEmptyLines(all);
    const lineEnd = all.indexOf("\r\n", begin);
    const startLine = all.toString("latin1", begin, lineEnd < 0 ? Math.min(all.length, maxHeadBytes) : lineEnd);
    if (lineEnd >= 0 && !startLinePattern.test(startLine)) return this.#giveUp("no HTTP/1 start line");
    if (lineEnd < 0 && startLine.includes("\n")) return this.#giveUp("a line that ends without CR");
    const end = all.indexOf(headEnd, begin);
    if (end < 0 || end > maxHeadBytes) {
      return all.length > maxHeadBytes ? this.#giveUp(`a head of more than ${maxHeadBytes} bytes`) : Buffer.alloc(0);
    }
    this.#unfinishedHead = Buffer.alloc(0);
    const head = all.subarray(0, end + headEnd.length);
    const fields = readFields(head.toString("latin1", lineEnd + 2));
    this.#begin(this.#listener.onHead({ bytes: head, startLine, fields }));
    return all.subarray(head.length);
  }

  #begin(framing: Framing): void {
    this.#framing = framing;
    if (framing === "unreadable") this.#listener.onUnreadable("a length that is none");
    else if (framing === "chunked") this.#chunkedEnd = new ChunkedEnd();
    else if (framing === 0) this.#complete();
    else if (typeof framing === "number") this.#remainingBytes = framing;
  }

  /** @returns what belongs to the next message */
  #readBody(bytes: Buffer): Buffer {
    if (typeof this.#framing === "number") {
      const body = bytes.subarray(0, this.#remainingBytes);
      this.#remainingBytes -= body.length;
      this.#listener.onBody(body);
      if (this.#remainingBytes === 0) this.#complete();
      return bytes.subarray(body.length);
    }
    const sizeBytes = this.#framing === "chunked" ? this.#chunkedEnd.take(bytes) : bytes.length;
    this.#listener.onBody(bytes.subarray(0, sizeBytes));
    if (this.#framing === "chunked" && this.#chunkedEnd.state === "complete") this.#complete();
    else if (this.#framing === "chunked" && this.#chunkedEnd.state === "unreadable") this.#begin("unreadable");
    return bytes.subarray(sizeBytes);
  }

  #complete(): void {
    this.#framing = "head";
    this.#listener.onEnd();
  }

  #giveUp(reason: string): Buffer {
    const bytes = this.#unfinishedHead;
    this.#unfinishedHead = Buffer.alloc(0);
    this.#framing = "unreadable";
    this.#listener.onUnreadable(reason);
    this.#listener.onBody(bytes);
    return Buffer.alloc(0);
  }
}

/** RFC 9112 §2.2: empty lines before a request line are to be ignored. */
function skipEmptyLines(bytes: Buffer): number {
  let begin = 0;
  while (bytes[begin] === 0x0d && bytes[begin + 1] === 0x0a) begin += 2;
  return begin;
}

function readFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return fields;
}

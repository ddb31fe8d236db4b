import type { Socket } from "node:net";
import type { Environment } from "../channel/environment.ts";
import { Outbox } from "../channel/outbox.ts";
import type { Payload } from "../channel/payload.ts";
import { chunkOf, encodeChunk, lastChunk, type PieceFormat } from "./chunk.ts";
import { encodeResponse, type Framing, type Head, isFramingField } from "./head.ts";

/** What an exchange asks and tells the turn it belongs to. */
export type ExchangeOwner = {
  /** The response is about to begin. @returns false if somebody else has begun to answer: then nothing is written */
  begins(): boolean;
  /** Whether the connection may be reused after this response, as far as the server is concerned. */
  mayPersist(): boolean;
  /** The last byte of the response was handed to the socket. @param isPersistent - the next request may come */
  finished(isPersistent: boolean): void;
};

/** What the request says about its response. */
export type ExchangeRequest = {
  readonly method?: string | undefined;
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  readonly httpVersionMinor: number;
};

export type ExchangeOptions = {
  readonly socket: Socket;
  readonly environment: Environment;
  /** The client is willing to reuse the connection. */
  readonly keepsAlive: boolean;
  /** Header fields that stand in the response unless it has its own of the same name. */
  readonly presetFields?: Fields;
};

type Fields = Head["fields"];

const empty: Buffer = Buffer.alloc(0);
const noFields: Fields = [];

/**
 * One request and its one response, written straight to the socket.
 *
 * `ServerResponse` is not used for writing: it trusts the framing of its caller, cannot write a response that was encoded
 * once for many clients, and costs more than the write itself. An exchange keeps nothing of the request but what its
 * response depends on, since a parked one may wait for hours.
 */
export class Exchange {
  readonly socket: Socket;
  readonly #environment: Environment;
  readonly #owner: ExchangeOwner;
  readonly #presetFields: Fields;
  readonly #isHead: boolean;
  readonly #isOld: boolean;
  readonly #keepsAlive: boolean;
  #phase: "unanswered" | "streaming" | "finished" = "unanswered";
  #isPersistent = false;
  #isChunked = false;
  /** Only a stream ever has anything to collect. */
  #outbox: Outbox | undefined;

  constructor(owner: ExchangeOwner, request: ExchangeRequest, options: ExchangeOptions) {
    const { socket, environment, keepsAlive, presetFields = noFields } = options;
    this.socket = socket;
    this.#environment = environment;
    this.#owner = owner;
    this.#presetFields = presetFields;
    this.#isHead = request.method === "HEAD";
    this.#isOld = request.httpVersionMinor === 0;
    this.#keepsAlive = keepsAlive;
  }

  get isAnswered(): boolean {
    return this.#phase !== "unanswered";
  }

  /** Whether a response has begun whose end is not known yet. */
  get isStreaming(): boolean {
    return this.#phase === "streaming";
  }

  get isFinished(): boolean {
    return this.#phase === "finished";
  }

  get outbox(): Outbox {
    return (this.#outbox ??= new Outbox(this.socket, this.#environment));
  }

  /** Whether a response with this status has no body, whatever is given for it (RFC 9110 §9.3.2, §15.3.5, §15.4.5). */
  hasNoBody(status: number): boolean {
    return this.#isHead || isBodiless(status);
  }

  /** Writes a whole response and finishes. */
  answer(head: Head, body: Buffer = empty): void {
    if (!this.#begins()) return;
    this.#decidePersistence(head);
    const framing = this.#framing(this.#lengthOf(head, body));
    const written = this.hasNoBody(head.status) ? empty : body;
    if (written.length < this.#environment.limits.softBufferedBytes) {
      this.#writeWhole(this.#encode(head, framing, written));
      return;
    }
    // A copy of a large body would cost more than the second buffer of a gathering write.
    this.outbox.append(this.#encode(head, framing, empty));
    this.outbox.append(written);
    this.#finish();
  }

  /** Writes the head of a response whose body was not read: for HEAD, or under a status without a body. */
  answerUnread(head: Head): void {
    if (!this.#begins()) return;
    this.#decidePersistence(head);
    // Nobody knows how long the body would have been, and HEAD may leave the length out (RFC 9110 §9.3.2).
    const contentLength = isBodiless(head.status) ? this.#lengthOf(head, empty) : undefined;
    this.#writeWhole(this.#encode(head, this.#framing(contentLength), empty));
  }

  /** Which whole response fits this exchange: of two exchanges with the same variant the bytes are the same. */
  get variant(): "persistent" | "persistent-1.0" | "closing" | undefined {
    if (this.#isHead || this.#presetFields.length > 0) return undefined;
    if (!this.#keepsAlive || !this.#owner.mayPersist()) return "closing";
    return this.#isOld ? "persistent-1.0" : "persistent";
  }

  /** Writes a whole response that was encoded for this exchange's {@link variant}. */
  answerEncoded(response: Buffer): void {
    if (!this.#begins()) return;
    this.#isPersistent = this.variant !== "closing";
    this.#writeWhole(response);
  }

  /** Writes the head of a response whose length is not known. */
  startStream(head: Head): void {
    if (!this.#begins()) return;
    this.#phase = "streaming";
    // HTTP/1.0 has no chunks: there the end of the connection is the end of the body (RFC 9112 §6.3).
    this.#isChunked = !this.#isOld;
    this.#decidePersistence(head);
    if (!this.#isChunked) this.#isPersistent = false;
    this.outbox.append(this.#encode(head, this.#framing(undefined), empty));
  }

  /** Writes one piece of a stream, as one chunk. An empty piece writes nothing: it would end the body. */
  write(bytes: Buffer): void {
    if (this.#phase !== "streaming" || bytes.length === 0) return;
    // A chunk holds a copy; without one the caller could still change what has not left.
    this.outbox.append(this.#isChunked ? encodeChunk(bytes) : Buffer.from(bytes));
  }

  /** Writes one piece that is shared by many streams. */
  writeShared(payload: Payload): void {
    if (this.#phase !== "streaming" || payload.bytes.length === 0) return;
    this.outbox.append(this.#isChunked ? payload.encodedBy(chunkOf) : payload.bytes);
  }

  /** Writes one piece that is shared by many streams in a format of its own. */
  writeFormatted(payload: Payload, format: PieceFormat): void {
    if (this.#phase !== "streaming") return;
    this.outbox.append(payload.encodedBy(this.#isChunked ? format.chunk : format.piece));
  }

  /** Ends a stream. */
  end(): void {
    if (this.#phase !== "streaming") return;
    if (this.#isChunked) this.outbox.append(lastChunk);
    this.#finish();
  }

  /** Cuts the connection, so that the client sees that the response is not whole. */
  abort(): void {
    if (this.#phase === "finished") return;
    this.#phase = "finished";
    // What stands behind bytes that the socket has not taken would not leave any more; it only tells each piece so, by an error.
    if (this.socket.writableLength === 0) this.#outbox?.flush();
    else this.#outbox?.clear();
    this.socket.destroy();
  }

  /** More waits for all clients together than may: as {@link abort}. */
  overflow(): void {
    this.abort();
  }

  /** Nothing is written any more: the connection is gone. */
  abandon(): void {
    this.#phase = "finished";
    this.#outbox?.clear();
  }

  #begins(): boolean {
    if (this.#phase !== "unanswered") return false;
    if (this.#owner.begins()) return true;
    this.abandon();
    return false;
  }

  #decidePersistence(head: Head): void {
    this.#isPersistent = this.#keepsAlive && !head.closesConnection && this.#owner.mayPersist();
  }

  #framing(contentLength: number | undefined): Framing {
    const persistent = this.#isOld ? ("Keep-Alive" as const) : undefined;
    return {
      contentLength,
      isChunked: this.#isChunked,
      connection: this.#isPersistent ? persistent : "close",
      serverHeader: this.#environment.serverHeader,
    };
  }

  #encode(head: Head, framing: Framing, body: Buffer): Buffer {
    return encodeResponse(withPresets(head, this.#presetFields), framing, body);
  }

  #lengthOf(head: Head, body: Buffer): number | undefined {
    if (head.status === 204) return undefined;
    if (head.status === 304) return head.contentLength;
    if (head.status === 205) return 0;
    // HEAD tells the length that the body would have; a caller without a body may know it better.
    if (this.#isHead && body.length === 0) return head.contentLength ?? 0;
    return body.length;
  }

  #writeWhole(response: Buffer): void {
    if (this.socket.writable) this.socket.write(response);
    this.#finish();
  }

  #finish(): void {
    this.#phase = "finished";
    // At once and not at the end of the turn: nothing can follow in this exchange, and the next request waits.
    this.#outbox?.flush();
    this.#owner.finished(this.#isPersistent);
  }
}

function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

function withPresets(head: Head, presets: Fields): Head {
  if (presets.length === 0) return head;
  const own = new Set(head.fields.map(([name]) => name.toLowerCase()));
  const added = presets.filter(([name]) => !own.has(name.toLowerCase()) && !isFramingField(name));
  return { ...head, fields: [...added, ...head.fields] };
}

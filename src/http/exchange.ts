import type { Socket } from "node:net";
import type { Environment } from "../channel/environment.ts";
import { Outbox } from "../channel/outbox.ts";
import type { Payload } from "../channel/payload.ts";
import { chunkOf, encodeChunk, lastChunk } from "./chunk.ts";
import { encodeHead, type Head, isFramingField } from "./head.ts";

/** What an exchange tells the connection it belongs to. */
export type ExchangeListener = {
  /** The response is about to begin. @returns false if somebody else has begun to answer: then nothing is written */
  begins?(): boolean;
  /** The last byte of the response was handed to the socket. @param isPersistent - the next request may come */
  finished(isPersistent: boolean): void;
};

/** What the request says about its response. */
export type ExchangeRequest = {
  readonly method: string;
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  readonly minorVersion: number;
  /** The client is willing to reuse the connection. */
  readonly keepsAlive: boolean;
};

export type ExchangeOptions = {
  readonly environment: Environment;
  readonly listener: ExchangeListener;
  /** Whether the connection may be reused after this response, as far as the server is concerned. */
  readonly mayPersist: () => boolean;
  /** Header fields that stand in the response unless it has its own of the same name. */
  readonly presetFields?: Head["fields"];
};

const empty: Buffer = Buffer.alloc(0);

/**
 * One request and its one response, written straight to the socket.
 *
 * `ServerResponse` is not used for writing: it trusts the framing of its caller, cannot write a response that was encoded
 * once for many clients, and costs more than the write itself.
 */
export class Exchange {
  readonly request: ExchangeRequest;
  readonly socket: Socket;
  readonly #environment: Environment;
  readonly #listener: ExchangeListener;
  readonly #outbox: Outbox;
  readonly #mayPersist: () => boolean;
  readonly #presetFields: Head["fields"];
  #phase: "unanswered" | "streaming" | "finished" = "unanswered";
  #isPersistent = false;
  #isChunked = false;

  constructor(request: ExchangeRequest, socket: Socket, options: ExchangeOptions) {
    this.request = request;
    this.socket = socket;
    this.#environment = options.environment;
    this.#listener = options.listener;
    this.#mayPersist = options.mayPersist;
    this.#presetFields = options.presetFields ?? [];
    this.#outbox = new Outbox(socket, options.environment.limits);
  }

  get isAnswered(): boolean {
    return this.#phase !== "unanswered";
  }

  get isFinished(): boolean {
    return this.#phase === "finished";
  }

  get outbox(): Outbox {
    return this.#outbox;
  }

  /** Whether a response with this status has no body, whatever is given for it (RFC 9110 §9.3.2, §15.3.5, §15.4.5). */
  hasNoBody(status: number): boolean {
    return this.request.method === "HEAD" || isBodiless(status);
  }

  /** Writes a whole response and finishes. */
  answer(head: Head, body: Buffer = empty): void {
    if (!this.#begins()) return;
    this.#decidePersistence(head);
    this.#outbox.append(this.#encodeHead(head, { contentLength: this.#lengthOf(head, body) }));
    if (body.length > 0 && !this.hasNoBody(head.status)) this.#outbox.append(body);
    this.#finish();
  }

  /** Writes the head of a response whose body was not read: for HEAD, or under a status without a body. */
  answerUnread(head: Head): void {
    if (!this.#begins()) return;
    this.#decidePersistence(head);
    // Nobody knows how long the body would have been, and HEAD may leave the length out (RFC 9110 §9.3.2).
    const contentLength = isBodiless(head.status) ? this.#lengthOf(head, empty) : undefined;
    this.#outbox.append(this.#encodeHead(head, { contentLength }));
    this.#finish();
  }

  /** Which whole response fits this exchange: of two exchanges with the same variant the bytes are the same. */
  get variant(): "persistent" | "persistent-1.0" | "closing" | undefined {
    if (this.request.method === "HEAD" || this.#presetFields.length > 0) return undefined;
    if (!this.request.keepsAlive || !this.#mayPersist()) return "closing";
    return this.request.minorVersion === 0 ? "persistent-1.0" : "persistent";
  }

  /** Writes a whole response that was encoded for this exchange's {@link variant}. */
  answerEncoded(response: Buffer): void {
    if (!this.#begins()) return;
    this.#isPersistent = this.variant !== "closing";
    this.#outbox.append(response);
    this.#finish();
  }

  /** Writes the head of a response whose length is not known. */
  startStream(head: Head): void {
    if (!this.#begins()) return;
    this.#phase = "streaming";
    // HTTP/1.0 has no chunks: there the end of the connection is the end of the body (RFC 9112 §6.3).
    this.#isChunked = this.request.minorVersion > 0;
    this.#decidePersistence(head);
    if (!this.#isChunked) this.#isPersistent = false;
    this.#outbox.append(this.#encodeHead(head, { isChunked: this.#isChunked }));
  }

  /** Writes one piece of a stream, as one chunk. An empty piece writes nothing: it would end the body. */
  write(bytes: Buffer): void {
    if (this.#phase !== "streaming" || bytes.length === 0) return;
    // A chunk holds a copy; without one the caller could still change what has not left.
    this.#outbox.append(this.#isChunked ? encodeChunk(bytes) : Buffer.from(bytes));
  }

  /** Writes one piece that is shared by many streams. */
  writeShared(payload: Payload): void {
    if (this.#phase !== "streaming" || payload.bytes.length === 0) return;
    this.#outbox.append(this.#isChunked ? payload.encodedBy(chunkOf) : payload.bytes);
  }

  /** Ends a stream. */
  end(): void {
    if (this.#phase !== "streaming") return;
    if (this.#isChunked) this.#outbox.append(lastChunk);
    this.#finish();
  }

  /** Cuts the connection, so that the client sees that the response is not whole. */
  abort(): void {
    if (this.#phase === "finished") return;
    this.#phase = "finished";
    this.#outbox.flush();
    this.socket.destroy();
  }

  /** Nothing is written any more: the connection is gone. */
  abandon(): void {
    this.#phase = "finished";
    this.#outbox.clear();
  }

  #begins(): boolean {
    if (this.#phase !== "unanswered") return false;
    if (this.#listener.begins?.() !== false) return true;
    this.abandon();
    return false;
  }

  #decidePersistence(head: Head): void {
    this.#isPersistent = this.request.keepsAlive && !head.closesConnection && this.#mayPersist();
  }

  #encodeHead(head: Head, framing: { contentLength?: number | undefined; isChunked?: boolean }): Buffer {
    const connection = this.#isPersistent
      ? this.request.minorVersion === 0
        ? ("Keep-Alive" as const)
        : undefined
      : ("close" as const);
    const { serverHeader } = this.#environment;
    return encodeHead(withPresets(head, this.#presetFields), { ...framing, connection, serverHeader });
  }

  #lengthOf(head: Head, body: Buffer): number | undefined {
    if (head.status === 204) return undefined;
    if (head.status === 304) return head.contentLength;
    if (head.status === 205) return 0;
    // HEAD tells the length that the body would have; a caller without a body may know it better.
    if (this.request.method === "HEAD" && body.length === 0) return head.contentLength ?? 0;
    return body.length;
  }

  #finish(): void {
    this.#phase = "finished";
    // At once and not at the end of the turn: nothing can follow in this exchange, and the next request waits.
    this.#outbox.flush();
    this.#listener.finished(this.#isPersistent);
  }
}

function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

function withPresets(head: Head, presets: Head["fields"]): Head {
  if (presets.length === 0) return head;
  const own = new Set(head.fields.map(([name]) => name.toLowerCase()));
  const added = presets.filter(([name]) => !own.has(name.toLowerCase()) && !isFramingField(name));
  return { ...head, fields: [...added, ...head.fields] };
}

import { BaseChannel } from "../channel/base-channel.ts";
import type { ChannelKind } from "../channel/channel-kind.ts";
import { isStream } from "../channel/data.ts";
import type { Environment } from "../channel/environment.ts";
import { streamHeadDelayMs } from "../channel/limits.ts";
import type { Mailbox } from "../channel/mailbox.ts";
import { bytesOf } from "../channel/message.ts";
import type { Outbox } from "../channel/outbox.ts";
import type { Outgoing } from "../channel/outgoing.ts";
import type { Payload } from "../channel/payload.ts";
import { discard } from "../channel/source.ts";
import { closedHere, closedWith } from "../channel/status.ts";
import { answerEncoders, sharedHead } from "./answers.ts";
import { constantResponse } from "./constant-response.ts";
import type { Exchange } from "./exchange.ts";
import { checkHead, type Head } from "./head.ts";

/** The type that browsers assume anyway, and http-kit's default; only for a send without any header. */
const defaultFields: Head["fields"] = [["Content-Type", "text/html; charset=utf-8"]];
const noContent: Head = { status: 204, fields: [], closesConnection: false, contentLength: undefined };

/** The channel over one HTTP exchange: one answer, or one stream. */
export class HttpChannel extends BaseChannel {
  protected readonly exchange: Exchange;
  /** The head of the first send, from its check until it is written: with the first piece, if that is a stream. */
  #head: Head | undefined;
  #hasHead = false;
  #isStreaming = false;

  constructor(request: Request, exchange: Exchange, environment: Environment) {
    super(request, environment);
    this.exchange = exchange;
  }

  override get kind(): ChannelKind {
    return this.#isStreaming ? "http-streaming" : "long-polling";
  }

  override get isWebSocket(): boolean {
    return false;
  }

  /** The client is gone, or sent more behind its request than it may. */
  clientLeft(): void {
    this.exchange.abandon();
    this.finish(closedWith("client-close", 1001, "", false), true);
  }

  /** The server has stopped, and cuts what has not ended by itself. */
  serverStopped(): void {
    this.exchange.abandon();
    this.finish(closedHere(1001), true);
  }

  /** The handler answered by itself: the channel has nothing left to do. */
  supersede(): void {
    if (this.exchange.isAnswered) this.exchange.end();
    this.finish(closedHere(), true);
  }

  /** The last words when the server stops: a stream gets its end, a parked poll is told to come back. */
  goAway(): void {
    // A body that is on its way, and is the last, goes on: ended now, it would look whole.
    if (!this.isOpen) return;
    this.shut();
    if (this.exchange.isAnswered) this.exchange.end();
    else constantResponse(this.exchange, 503, [["Retry-After", "1"]]);
    this.finish(closedHere(1001), true);
  }

  protected override get mailbox(): Mailbox | undefined {
    return undefined;
  }

  protected override get outbox(): Outbox {
    return this.exchange.outbox;
  }

  protected override check(outgoing: Outgoing): void {
    if (this.#hasHead) return;
    this.#head = checkHead(outgoing.status, outgoing.headers, defaultFields);
  }

  protected override transmit({ body }: Outgoing, close: boolean): boolean {
    if (isStream(body)) {
      this.#transmitStream(body, close);
      return true;
    }
    const bytes = body === undefined ? undefined : bytesOf(body);
    if (this.#isStreaming) {
      if (!this.#makeRoomFor(bytes?.length ?? 0)) return false;
      if (bytes !== undefined) this.exchange.write(bytes);
      if (close) this.complete(() => this.exchange.end());
      return true;
    }
    const head = this.#takeHead();
    if (close || this.exchange.hasNoBody(head.status)) {
      this.complete(() => this.exchange.answer(head, bytes));
    } else {
      this.#startStream(head);
      if (bytes !== undefined) this.exchange.write(bytes);
    }
    return true;
  }

  protected override transmitShared(payload: Payload, close: boolean): boolean {
    const exchange = this.exchange;
    if (this.#isStreaming) {
      if (!this.#makeRoomFor(payload.bytes.length)) return false;
      exchange.writeShared(payload);
      if (close) this.complete(() => exchange.end());
      return true;
    }
    const { variant } = exchange;
    if (close && variant !== undefined) {
      this.complete(() => exchange.answerEncoded(payload.encodedBy(answerEncoders(this.environment)[variant])));
    } else if (close || variant === undefined) {
      this.complete(() => exchange.answer(sharedHead(payload.contentType), payload.bytes));
    } else {
      this.#startStream(sharedHead(payload.contentType));
      exchange.writeShared(payload);
    }
    return true;
  }

  protected override end(code: number, reason: string): void {
    if (this.#isStreaming) this.exchange.end();
    else this.exchange.answer(this.#head ?? noContent);
    this.finish(closedHere(code, reason), true);
  }

  /** @returns whether a stream can take so many bytes more; if not, it is closed */
  #makeRoomFor(bytes: number): boolean {
    if (bytes === 0 || this.hasRoomFor(bytes)) return true;
    this.overflow();
    return false;
  }

  #transmitStream(body: Parameters<BaseChannel["streams"]["pump"]>[0], close: boolean): void {
    const exchange = this.exchange;
    this.#hasHead = true;
    if (!this.#isStreaming && this.#head !== undefined && exchange.hasNoBody(this.#head.status)) {
      discard(body);
      this.complete(() => exchange.answerUnread(this.#takeHead()));
      return;
    }
    const begin = (): void => {
      clearTimeout(delay);
      if (!this.#isStreaming && this.closed === undefined) this.#startStream(this.#takeHead());
    };
    const delay = setTimeout(begin, streamHeadDelayMs);
    this.onDeparture({ departed: () => clearTimeout(delay) });
    this.streams.pump(body, {
      // The head leaves with the first piece: a source that fails at once can still be answered with an error.
      piece: (bytes) => {
        begin();
        exchange.write(bytes);
      },
      ready: () => exchange.outbox.drained(),
      end: () => {
        begin();
        if (close) this.complete(() => exchange.end());
      },
    });
  }

  #startStream(head: Head): void {
    this.#isStreaming = true;
    this.exchange.startStream(head);
  }

  #takeHead(): Head {
    const head = this.#head;
    this.#head = undefined;
    this.#hasHead = true;
    return head ?? checkHead(undefined, undefined);
  }

  /** Writes the end of the answer, with which the channel is closed. */
  protected complete(write: () => void): void {
    this.shut();
    write();
    this.finish(closedHere(), true);
  }

  override overflow(): void {
    this.shut();
    this.exchange.abort();
    this.finish(closedWith("overflow", 1013, "", false), true);
  }

  /** The application failed: a request without an answer gets a 500, a stream is cut so that its client sees it. */
  override fail(): void {
    if (this.closed !== undefined) return;
    this.shut();
    if (this.exchange.isAnswered) {
      this.exchange.abort();
      this.finish(closedWith("internal-server-error", 1011, "", false), true);
    } else {
      constantResponse(this.exchange, 500);
      this.finish(closedHere(1011), true);
    }
  }
}

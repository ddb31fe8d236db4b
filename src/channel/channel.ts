import type { ChannelKind } from "./channel-kind.ts";
import type { Data } from "./data.ts";
import type { Message } from "./message.ts";
import type { CloseDetail, CloseStatus } from "./status.ts";

/** How a send ends. */
export type SendOptions = {
  /** Whether the channel closes after this. Default: true over HTTP, false over a WebSocket. */
  readonly close?: boolean;
};

// Handlers return `unknown`: `void | Promise<void>` would refuse `(message) => channel.send(message)`, a boolean.

/** Takes one message: text as a string, bytes as a `Uint8Array`. A promise that it returns is awaited. */
export type ReceiveHandler = (message: Message) => unknown;

/** Takes the end of a channel. */
export type CloseHandler = (status: CloseStatus, detail: CloseDetail) => unknown;

/** Takes the bytes that came with a ping: at most 125, often none. */
export type PingHandler = (data: Uint8Array) => unknown;

/**
 * One conversation with one client, over one HTTP exchange or one WebSocket.
 *
 * It belongs to the request that opened it and never to another. Keep it, use it from anywhere, at any time: a parked
 * channel costs no thread and no timer. Its handlers run in order and one at a time; the close handler runs once, last.
 */
export type Channel = {
  /** Unique in this process, for logs and as a key. It is no secret and gives no access. */
  readonly id: string;
  /** The request that opened the channel. */
  readonly request: Request;
  /** What carries the channel now. */
  readonly kind: ChannelKind;
  /** True from hand-over until either side closes, then false for ever. */
  readonly isOpen: boolean;
  /** True for a WebSocket, false for an HTTP exchange, from the beginning to the end. */
  readonly isWebSocket: boolean;
  /** Bytes accepted and not yet handed to the network. */
  readonly bufferedAmount: number;

  /**
   * Sends to the client: text, bytes, a stream, or `{ status, headers, body }`.
   *
   * Over HTTP the first send is the answer: a whole response, or with `{ close: false }` the head and first chunk of a
   * stream. Each later send is one chunk. Over a WebSocket text is a text frame and anything else a binary frame; status
   * and headers are dropped. All that is sent in one turn of the event loop leaves in one write.
   *
   * Bytes are copied, but for an HTTP answer of `limits.softBufferedBytes` and more, whose copy would cost more than its
   * write, and for what stands in line behind a stream: do not change those before `flushed()` resolves.
   *
   * @returns true when the data is accepted for output, which is not yet delivered; false when the channel is closed, or
   *   when this send found more waiting than `limits.maxBufferedBytes` and closed it with status `overflow`
   * @throws ChannelError `INVALID_ARGUMENT` for data, a status, a header or an option that cannot be; nothing is written then
   *   and the channel stays open
   */
  send(data: Data, options?: SendOptions): boolean;

  /**
   * Closes the channel: ends a stream, sends a Close frame, or answers 204 to a request that got no answer yet.
   *
   * The client of a session opens a new one after 4000 to 4499, and comes back after no other code: to put somebody out,
   * use 4600 to 4999, and have `authorize` refuse them.
   *
   * @param code - of the Close frame: 1000 (default), 1001 to 1003, 1007 to 1014, or 3000 to 4999
   * @param reason - at most 123 bytes of UTF-8
   * @returns true only for the call that closed the channel
   * @throws ChannelError `INVALID_ARGUMENT` for another code or a longer reason; the channel stays open
   */
  close(code?: number, reason?: string): boolean;

  /** Resolves when `bufferedAmount` is under `limits.softBufferedBytes`, or the channel is closed. Never rejects. */
  drained(): Promise<void>;

  /** Resolves when the last byte sent was handed to the network, or the connection is gone. Never rejects. */
  flushed(): Promise<void>;

  /**
   * Sets the handler of messages. Only a WebSocket receives; the body of an HTTP request is in `request`.
   *
   * A promise that it returns is awaited before the next message. What it throws is reported and disturbs nothing.
   * Without a handler messages are dropped.
   *
   * @throws ChannelError `HANDLER_ALREADY_SET` on the second call
   */
  onReceive(handler: ReceiveHandler): void;

  /**
   * Sets the handler of the end. Called once, after the messages that came before it; at once if the channel is closed.
   *
   * @throws ChannelError `HANDLER_ALREADY_SET` on the second call
   */
  onClose(handler: CloseHandler): void;

  /**
   * Sets a handler of pings; they are answered without it, before it is called.
   *
   * @throws ChannelError `HANDLER_ALREADY_SET` on the second call
   */
  onPing(handler: PingHandler): void;
};

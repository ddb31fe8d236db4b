import type { Message } from "../channel/message-type.ts";
import type { ConnectOptions } from "../client/client-options.ts";
import { encodeUtf8 } from "../protocol/utf-8.ts";
import { createLine, type Line, type LineEnd } from "./line.ts";
import { SendQueue } from "./send-queue.ts";
import { readEnd, listOfProtocols, parseAddress, type Subprotocols } from "./socket-arguments.ts";
import { SocketEventTarget } from "./socket-event-target.ts";
import { closeEvent, errorEvent, messageEvent, type SocketMessageEvent } from "./socket-events.ts";
import { settleSocket } from "./socket-options.ts";

/** What `send` takes. */
export type SocketData = string | ArrayBufferLike | ArrayBufferView | Blob;

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/**
 * A `WebSocket` as that of browsers, over a session: what carries it is a WebSocket, an HTTP stream or polls, and it
 * outlives the loss of each.
 *
 * It closes, with 1006, when no transport works at the first attempt, and when the session is lost: it never goes on with
 * another one.
 */
export class SessionWebSocket extends SocketEventTarget {
  /** The value of `readyState` until it is open. */
  static readonly CONNECTING: 0 = CONNECTING;
  /** The value of `readyState` while it may send. */
  static readonly OPEN: 1 = OPEN;
  /** The value of `readyState` while one side knows of the end. */
  static readonly CLOSING: 2 = CLOSING;
  /** The value of `readyState` when it is over. */
  static readonly CLOSED: 3 = CLOSED;
  /** Where it was dialled, with ws: or wss:. */
  readonly url: string;
  /** Empty: frames have no extensions that a user could see. */
  readonly extensions: string = "";
  readonly #line: Line;
  readonly #queue: SendQueue;
  readonly #origin: string;
  #state: 0 | 1 | 2 | 3 = CONNECTING;
  #protocol = "";
  #binaryType: "blob" | "arraybuffer" = "blob";
  /** Bytes that were sent when it was too late: the standard counts them. */
  #droppedBytes = 0;

  /**
   * Dials.
   *
   * @param url - ws:, wss:, http: or https:; in a page it may be relative
   * @param protocols - subprotocols of the application, of which the server chooses one
   * @param options - of the client; libraries pass none, see `webSocketOf`
   * @throws DOMException `SyntaxError` for an address or subprotocols that cannot be, `NotSupportedError` for what only
   *   Node's takes
   * @throws ChannelError `INVALID_ARGUMENT` for options that cannot be
   */
  constructor(url: string | URL, protocols: Subprotocols = [], options: ConnectOptions = {}) {
    super();
    this.url = parseAddress(url);
    const list = listOfProtocols(protocols);
    const settings = settleSocket(this.url, options);
    this.#origin = new URL(this.url).origin;
    const line = createLine(settings, list, {
      open: (protocol) => this.#opened(protocol),
      message: (message) => this.#received(message),
      ended: (end) => this.#ended(end),
    });
    this.#line = line;
    this.#queue = new SendQueue({
      send: (message, bytes) => line.send(message, bytes),
      failed: (cause) => line.fail(cause),
    });
  }

  /** The value of `readyState` until it is open. */
  get CONNECTING(): 0 {
    return CONNECTING;
  }

  /** The value of `readyState` while it may send. */
  get OPEN(): 1 {
    return OPEN;
  }

  /** The value of `readyState` while one side knows of the end. */
  get CLOSING(): 2 {
    return CLOSING;
  }

  /** The value of `readyState` when it is over. */
  get CLOSED(): 3 {
    return CLOSED;
  }

  /** `CONNECTING`, `OPEN`, `CLOSING` or `CLOSED`. */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#state;
  }

  /** The subprotocol that the server chose; empty until it is open, and if it chose none. */
  get protocol(): string {
    return this.#protocol;
  }

  /** Bytes that were sent, and that the server has not acknowledged. */
  get bufferedAmount(): number {
    return this.#queue.bytes + this.#line.bufferedBytes + this.#droppedBytes;
  }

  /** What messages of bytes come as: "blob", or "arraybuffer". Anything else is ignored. */
  get binaryType(): "blob" | "arraybuffer" {
    return this.#binaryType;
  }

  set binaryType(type: "blob" | "arraybuffer") {
    if (type === "blob" || type === "arraybuffer") this.#binaryType = type;
  }

  /**
   * Sends a message: once and in order, over whatever carries it. Bytes are copied.
   *
   * When more than `maxQueuedBytes` or `maxQueuedMessages` wait, or a message is larger than the server takes, the WebSocket fails, as that of a
   * browser does.
   *
   * @throws DOMException `InvalidStateError` before it is open
   */
  send(data: SocketData): void {
    if (this.#state === CONNECTING) throw new DOMException("it is still connecting", "InvalidStateError");
    const message = data instanceof Blob ? data : messageOf(data);
    const bytes = message instanceof Blob ? message.size : sizeOf(message);
    if (this.#state !== OPEN) this.#droppedBytes += bytes;
    else if (this.#line.hasRoom(bytes, this.#queue)) this.#queue.push(message, bytes);
  }

  /**
   * Closes it, behind all that was sent. The server is told 1000 if there is no code.
   *
   * @throws DOMException `InvalidAccessError` for a code that is not 1000 or from 3000 to 4999, `SyntaxError` for a reason
   *   of more than 123 bytes
   */
  close(code?: number, reason = ""): void {
    const end = readEnd(code, reason);
    if (this.#state === CONNECTING) this.#line.abort();
    else if (this.#state === OPEN) {
      this.#state = CLOSING;
      this.#queue.whenEmpty(() => this.#line.close(end));
    }
  }

  #opened(protocol: string): void {
    this.#protocol = protocol;
    this.#state = OPEN;
    this.dispatchEvent(new Event("open"));
  }

  #received(message: Message): void {
    if (this.#state !== OPEN) return;
    this.dispatchEvent(messageEvent({ data: dataOf(message, this.#binaryType), origin: this.#origin }));
  }

  #ended({ failure, ...end }: LineEnd): void {
    this.#state = CLOSING;
    // Not within the call that ended it, nor before its caller could add listeners.
    queueMicrotask(() => {
      this.#state = CLOSED;
      if (failure !== undefined) this.dispatchEvent(errorEvent(failure));
      this.dispatchEvent(closeEvent(end));
    });
  }
}

/** Bytes of a message, text as UTF-8. */
function sizeOf(message: Message): number {
  return (typeof message === "string" ? encodeUtf8(message) : message).length;
}

/** Bytes as a copy: their owner may change them before they have left. Anything else as its text, as Web IDL has it. */
function messageOf(data: unknown): Message {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  const isBuffer = data instanceof ArrayBuffer || isShared(data);
  return isBuffer ? new Uint8Array(data).slice() : String(data);
}

/** Pages that are not isolated have no such class. */
function isShared(data: unknown): data is SharedArrayBuffer {
  return typeof SharedArrayBuffer === "function" && data instanceof SharedArrayBuffer;
}

function dataOf(message: Message, type: "blob" | "arraybuffer"): SocketMessageEvent["data"] {
  if (typeof message === "string") return message;
  // A copy: the bytes may be a part of what was read.
  const bytes = message.slice();
  return type === "blob" ? new Blob([bytes]) : bytes.buffer;
}

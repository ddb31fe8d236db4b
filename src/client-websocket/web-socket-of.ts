import type { ConnectOptions } from "../client/client-options.ts";
import { SessionWebSocket } from "./session-web-socket.ts";
import type { Subprotocols } from "./socket-arguments.ts";
import { settleSocket } from "./socket-options.ts";

/** What libraries take as their WebSocket: `new` with an address and subprotocols, and the constants. */
export type WebSocketClass = {
  /** Dials. */
  new (url: string | URL, protocols?: Subprotocols): SessionWebSocket;
  /** What all that it makes have. */
  readonly prototype: SessionWebSocket;
  /** The value of `readyState` until it is open. */
  readonly CONNECTING: 0;
  /** The value of `readyState` while it may send. */
  readonly OPEN: 1;
  /** The value of `readyState` while one side knows of the end. */
  readonly CLOSING: 2;
  /** The value of `readyState` when it is over. */
  readonly CLOSED: 3;
};

/**
 * A class of WebSockets that have these options, for libraries that call `new WebSocket(url, protocols)`.
 *
 * @throws ChannelError `INVALID_ARGUMENT` for options that cannot be
 */
export function webSocketOf(options: ConnectOptions = {}): WebSocketClass {
  // So that a mistake shows here, and not where a library dials.
  settleSocket("ws://localhost", options);
  return class extends SessionWebSocket {
    constructor(url: string | URL, protocols?: Subprotocols) {
      super(url, protocols, options);
    }
  };
}

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { checkHandler, createAcceptor, type ListenerOptions, takeListenerOptions } from "./options.ts";
import type { RequestHandler, ServerStatus } from "./server-state.ts";
import { type StopOptions, stopAcceptor } from "./stop.ts";

/** Listeners for a server that exists already. Each may be called without its object. */
export type Listeners = {
  /** For `request` of `node:http` or `node:https`, or as a route of a framework that passes Node's objects. */
  readonly request: (message: IncomingMessage, response: ServerResponse) => void;
  /** For `upgrade`. A request that is not for this handler must not be given to it: it would answer it. */
  readonly upgrade: (message: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Whether these listeners take requests; the server that they are mounted on has a life of its own. */
  readonly status: ServerStatus;
  /** Ends the connections that were seen here, as `Server.stop` does. The server itself is its owner's. */
  readonly stop: (options?: StopOptions) => Promise<boolean>;
};

/**
 * The same handler as for `serve`, mounted on a server that exists already.
 *
 * The server keeps its own settings: its timeouts hold, a request that Node refuses does not get here, and a client that
 * ends its side of the connection counts as gone at once.
 *
 * @throws ChannelError `INVALID_ARGUMENT` for options that cannot be
 */
export function createListeners(handler: RequestHandler, options: ListenerOptions = {}): Listeners {
  checkHandler(handler);
  const acceptor = createAcceptor(handler, takeListenerOptions(options));
  acceptor.state.isMounted = true;
  return {
    request: (message, response) => acceptor.request(message, response),
    // Node types the socket as any stream, since servers can be given streams of their own; those have no descriptor.
    upgrade: (message, socket, head) => acceptor.upgrade(message, socket as Socket, head),
    get status() {
      return acceptor.state.status;
    },
    stop: (stopOptions = {}) => stopAcceptor(acceptor, stopOptions),
  };
}

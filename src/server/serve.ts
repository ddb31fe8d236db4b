import { createServer, type Server as NodeServer, type ServerOptions } from "node:http";
import { createServer as createTlsServer, type ServerOptions as TlsServerOptions } from "node:https";
import type { Socket } from "node:net";
import { ChannelErrorOf, invalidArgument } from "../channel/errors.ts";
import type { Limits } from "../channel/limits.ts";
import type { Acceptor } from "./acceptor.ts";
import { lightMessages } from "./light-messages.ts";
import { checkHandler, createAcceptor, type ServeOptions, takeServeOptions } from "./options.ts";
import type { RequestHandler, ServerStatus } from "./server-state.ts";
import { type StopOptions, stopAcceptor } from "./stop.ts";

/** A server that listens. */
export type Server = {
  /** Where it can be reached, without a slash at the end. */
  readonly url: string;
  /** Where it listens, which the system chose if 0 was asked for. */
  readonly port: number;
  /** Whether it takes requests, and is to be sent any: `stopping` from the call of `stop` on, before anything closes. */
  readonly status: ServerStatus;
  /**
   * Stops: takes no further connection, lets handlers and channels end within the time given, and closes every channel.
   *
   * A stopped server is not started again: make another.
   *
   * @returns true when it has stopped; false, at once, if it was told to stop before
   * @throws ChannelError `INVALID_ARGUMENT` for a time that is none
   */
  stop(options?: StopOptions): Promise<boolean>;
};

const defaultPort = 9090;
const defaultHostname = "127.0.0.1";

/**
 * Listens for requests, long polls, streams and WebSockets, all of which go to the same handler.
 *
 * @param handler - answers a request with a `Response`, or takes its channel with `withChannel`
 * @returns the server, once it listens
 * @throws ChannelError `INVALID_ARGUMENT` for options that cannot be, at once; rejects with `LISTEN_FAILED` when the port
 *   is taken or the address is not of this machine
 */
export function serve(handler: RequestHandler, given: ServeOptions = {}): Promise<Server> {
  checkHandler(handler);
  const options = takeServeOptions(given);
  const acceptor = createAcceptor(handler, options);
  const server = createNodeServer(options, acceptor.state.environment.limits);
  attach(server, acceptor, options.tls === undefined ? "connection" : "secureConnection");
  return listen(server, acceptor, options);
}

function createNodeServer({ tls }: ServeOptions, limits: Limits): NodeServer {
  const nodeOptions: ServerOptions = {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: Math.max(limits.requestTimeoutMs, limits.headersTimeoutMs),
    // Kept by the connections: only they know whether a request is in progress.
    keepAliveTimeout: 0,
    ...lightMessages,
    // How often Node looks for requests that took too long: the timeouts are late by at most a fifth.
    connectionsCheckingInterval: Math.max(100, Math.floor(limits.headersTimeoutMs / 5)),
    // The checks of request heads answer in turn; Node's own would answer at once, before the responses that come first.
    requireHostHeader: false,
    insecureHTTPParser: false,
    // A peer that vanishes without a word is found by the kernel in the end.
    keepAlive: true,
    keepAliveInitialDelay: limits.pingIntervalMs,
    noDelay: true,
  };
  const server = tls === undefined ? createServer(nodeOptions) : secureServer(tls, nodeOptions, limits);
  // Bounded by `maxHeaders`, which refuses; Node's own bound would drop lines without a word.
  server.maxHeadersCount = 0;
  return Object.assign(server, {
    // A client may end its side and still wait for the answer to what it sent; Node's typings leave this one out.
    httpAllowHalfOpen: true,
    // `stop` ends idle connections in good order; Node's way, when it closes, would drop what is still being written.
    closeIdleConnections: () => undefined,
  });
}

function secureServer(tls: TlsServerOptions, nodeOptions: ServerOptions, limits: Limits): NodeServer {
  try {
    return createTlsServer({ handshakeTimeout: limits.headersTimeoutMs, ...tls, ...nodeOptions });
  } catch (cause) {
    throw invalidArgument("tls", "an object with a key and cert that node:https takes", tls, { cause });
  }
}

function attach(server: NodeServer, acceptor: Acceptor, connectionEvent: "connection" | "secureConnection"): void {
  server.on(connectionEvent, (socket: Socket) => acceptor.connect(socket));
  server.on("request", (message, response) => acceptor.request(message, response));
  server.on("checkContinue", (message, response) => acceptor.request(message, response, "continue"));
  server.on("checkExpectation", (message, response) => acceptor.request(message, response, "unknown"));
  server.on("upgrade", (message, socket: Socket, head) => acceptor.upgrade(message, socket, head));
  server.on("timeout", (socket: Socket) => acceptor.timeout(socket));
  server.on("clientError", (error, socket: Socket) => acceptor.clientError(error, socket));
}

function listen(server: NodeServer, acceptor: Acceptor, options: ServeOptions): Promise<Server> {
  const { port = defaultPort, hostname = defaultHostname } = options;
  const sockets = options.tls === undefined ? new Set<Socket>() : trackSockets(server);
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => {
      const reason = cause.code ?? cause.message;
      reject(new ChannelErrorOf("LISTEN_FAILED", { hostname, port, reason }, { cause }));
    };
    server.once("error", failed);
    server.listen(port, hostname, () => {
      server.off("error", failed);
      server.on("error", (cause) => {
        acceptor.state.environment.report(new ChannelErrorOf("ACCEPT_FAILED", { hostname, port }, { cause }));
      });
      resolve(describeServer(server, acceptor, { ...addressOf(server, options), sockets }));
    });
  });
}

/** The TCP sockets under a TLS server; the acceptor knows a connection only once its handshake is done. */
function trackSockets(server: NodeServer): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  return sockets;
}

type Description = { readonly url: string; readonly port: number; readonly sockets: ReadonlySet<Socket> };

function describeServer(server: NodeServer, acceptor: Acceptor, { url, port, sockets }: Description): Server {
  return {
    url,
    port,
    get status() {
      return acceptor.state.status;
    },
    stop(options = {}) {
      const stopped = stopAcceptor(acceptor, options, () => server.close());
      // A client in the middle of its TLS handshake has no connection that could have been ended in good order.
      return stopped.then((isFirst) => {
        if (isFirst) for (const socket of sockets) socket.destroy();
        return isFirst;
      });
    },
  };
}

function addressOf(server: NodeServer, options: ServeOptions): { url: string; port: number } {
  const { tls, hostname = defaultHostname } = options;
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : (options.port ?? defaultPort);
  const host = hostname === "0.0.0.0" || hostname === "::" ? "localhost" : hostname;
  const scheme = tls === undefined ? "http" : "https";
  return { url: `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`, port };
}

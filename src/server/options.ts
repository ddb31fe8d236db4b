import type { ServerOptions as TlsServerOptions } from "node:https";
import { takeOptions } from "../channel/take-options.ts";
import type { Environment } from "../channel/environment.ts";
import { type ErrorListener, invalidArgument } from "../channel/errors.ts";
import { type CompressionLimits, type Limits, resolveCompressionLimits, resolveLimits } from "../channel/limits.ts";
import { lookAt } from "../channel/look-at.ts";
import { OutputBudget } from "../channel/output-budget.ts";
import { Deflater } from "../websocket/deflater.ts";
import { Acceptor } from "./acceptor.ts";
import { Connection } from "./connection.ts";
import { type AllowedOrigins, checkAllowedOrigins } from "./origin.ts";
import { checkAllowedHosts } from "./hosts.ts";
import { containListener, reportToStandardError } from "./report.ts";
import { type RequestHandler, ServerState } from "./server-state.ts";
import { checkTrustProxy } from "./forwarded.ts";

/** What `serve` and `createListeners` have in common. */
export type ListenerOptions = {
  /**
   * Origins of pages that may open a WebSocket, or have a session by whatever transport, besides those of the server
   * itself: exact, as browsers write them. `"*"` allows all. Default: same origin only. Programs, which send no Origin,
   * always may.
   */
  readonly allowedOrigins?: AllowedOrigins;
  /**
   * Hosts that are served, exact; one without a port counts for all ports. A request for another gets 421, whichever it
   * is. Default: all are, since a server cannot know by which names it is reached.
   */
  readonly allowedHosts?: readonly string[];
  /**
   * How many proxies stand before the server: their entries in X-Forwarded-For, -Proto and -Host are believed, counted
   * from the right. Default: 0, which believes the socket only.
   */
  readonly trustProxy?: number;
  /** Value of the `Server` field of responses. Default: none is sent. */
  readonly serverHeader?: string;
  /** Where faults are reported. Default: those of the application to standard error, those of peers nowhere. */
  readonly onError?: ErrorListener;
  /** Bounds that differ from `defaultLimits`. */
  readonly limits?: Partial<Limits>;
  /**
   * Compresses the messages of a WebSocket whose client offers permessage-deflate (RFC 7692): true, or what differs from
   * `defaultCompressionLimits`. Default: false. Not for messages that hold a secret beside what a stranger may choose:
   * their length would tell of it.
   */
  readonly compression?: boolean | Partial<CompressionLimits>;
};

/** What `serve` takes: where to listen, besides {@link ListenerOptions}. */
export type ServeOptions = ListenerOptions & {
  /** Default: 9090. 0 takes any free port. */
  readonly port?: number;
  /** The address to listen on. Default: 127.0.0.1, which only this machine reaches; 0.0.0.0 for all. */
  readonly hostname?: string;
  /** Serves over TLS: `key` and `cert`, or any options of `node:https` with which a client can be served. */
  readonly tls?: TlsServerOptions;
};

const originOptionNames = ["allowedOrigins", "allowedHosts", "trustProxy"] as const;
const listenerOptionNames = [...originOptionNames, "serverHeader", "onError", "limits", "compression"] as const;
const serveOptionNames = [...listenerOptionNames, "port", "hostname", "tls"] as const;

/** Throws for what is no handler. Checked before the options, in whose place it is easily given. */
export function checkHandler(handler: unknown): void {
  if (typeof handler !== "function") throw invalidArgument("handler", "a function that takes a Request", handler);
}

/** Checks what was given and makes the acceptor for it. Throws `INVALID_ARGUMENT`. */
export function createAcceptor(handler: RequestHandler, options: ListenerOptions): Acceptor {
  const state = new ServerState({
    handler,
    environment: createEnvironment(options),
    allowedOrigins: checkAllowedOrigins(options.allowedOrigins),
    allowedHosts: checkAllowedHosts(options.allowedHosts),
    trustedHops: checkTrustProxy(options.trustProxy),
    deflater: createDeflater(options.compression),
  });
  return new Acceptor(state);
}

/** A copy of what `serve` was given. Throws for what `serve` alone takes and cannot be. */
export function takeServeOptions(given: ServeOptions): ServeOptions {
  const options = takeOptions("options", given, serveOptionNames);
  const { port = 9090, hostname = "localhost", tls } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw invalidArgument("port", "an integer from 0 to 65535", port);
  // Node would listen on all addresses for an empty one.
  if (typeof hostname !== "string" || hostname === "") {
    throw invalidArgument("hostname", "a host name or address", hostname);
  }
  if (tls !== undefined) lookAt("tls", tls, () => checkTls(tls));
  return options;
}

/** Node listens without a certificate, too, and then refuses every client. */
function checkTls(tls: TlsServerOptions): void {
  const expected = "an object with key and cert, with pfx, or with SNICallback";
  if (typeof tls !== "object" || tls === null) throw invalidArgument("tls", expected, tls);
  const hasKey = isGiven(tls.key) || isGiven(tls.privateKeyIdentifier);
  const canServe =
    (hasKey && isGiven(tls.cert)) || isGiven(tls.pfx) || isGiven(tls.SNICallback) || isGiven(tls.pskCallback);
  if (!canServe) throw invalidArgument("tls", expected, tls);
}

/** As Node sees it; an empty list is none either. */
function isGiven(option: unknown): boolean {
  return Array.isArray(option) ? option.length > 0 : Boolean(option);
}

/** A copy of what `createListeners` was given. */
export function takeListenerOptions(options: ListenerOptions): ListenerOptions {
  return takeOptions("options", options, listenerOptionNames);
}

function createDeflater(compression: ListenerOptions["compression"] = false): Deflater | undefined {
  if (compression === false) return undefined;
  return new Deflater(resolveCompressionLimits(compression === true ? {} : compression));
}

function createEnvironment({ limits, onError, serverHeader }: ListenerOptions): Environment {
  if (onError !== undefined && typeof onError !== "function") throw invalidArgument("onError", "a function", onError);
  if (serverHeader !== undefined && (typeof serverHeader !== "string" || !/^[\x20-\x7e]+$/.test(serverHeader))) {
    throw invalidArgument("serverHeader", "printable ASCII text", serverHeader);
  }
  const resolved = resolveLimits(limits);
  const budget = new OutputBudget(resolved, (socket) => Connection.of(socket)?.sender);
  return { limits: resolved, budget, report: containListener(onError ?? reportToStandardError), serverHeader };
}

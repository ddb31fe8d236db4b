import type { IncomingMessage, ServerResponse } from "node:http";
import { NodeRequest } from "srvx/node";
import { invalidArgument } from "../channel/errors.ts";

/** Frameworks that mount a handler below a path cut the path off `url` and keep it whole here. */
type MountedMessage = IncomingMessage & { readonly originalUrl?: string; rawBody?: Buffer };

const addresses = new WeakMap<Request, string>();

/**
 * The address of the client that made a request.
 *
 * The other end of the socket; behind trusted proxies (`trustProxy`) what the outermost of them saw. Empty when the
 * request did not come through channelkit.
 */
export function remoteAddress(request: Request): string {
  return addresses.get(request) ?? "";
}

/** Makes a standard request, lazily: parts that nobody asks for are not built. */
export function createStandardRequest(
  message: IncomingMessage,
  options: { response?: ServerResponse; body?: Buffer; trustedHops: number },
): Request {
  const { response, body, trustedHops } = options;
  const mounted: MountedMessage = message;
  // srvx takes a body that was read already from here.
  if (body !== undefined) mounted.rawBody = body;
  const request = new NodeRequest(response === undefined ? { req: message } : { req: message, res: response });
  addresses.set(request, clientAddress(message, trustedHops));
  if (trustedHops > 0 || mounted.originalUrl !== undefined) {
    Object.defineProperty(request, "url", { value: urlOf(mounted, trustedHops), enumerable: true });
  }
  return request;
}

/** Checks the option `trustProxy`: how many proxies stand before the server. */
export function checkTrustProxy(hops: number | undefined): number {
  if (hops === undefined) return 0;
  if (Number.isInteger(hops) && hops >= 0) return hops;
  throw invalidArgument("trustProxy", "how many proxies to believe, an integer of at least 0", hops);
}

/** The scheme that the client used, where it is known: a plain socket may stand behind a proxy that ends TLS. */
export function knownScheme(message: IncomingMessage, trustedHops: number): "http:" | "https:" | undefined {
  if ("encrypted" in message.socket) return "https:";
  if (trustedHops === 0) return undefined;
  const scheme = trustedValue(message, "x-forwarded-proto", trustedHops)?.toLowerCase();
  if (scheme === undefined) return undefined;
  // Some proxies name the scheme of a WebSocket as its page does.
  return scheme === "https" || scheme === "wss" ? "https:" : "http:";
}

/** The host that the client asked for. */
export function requestedHost(message: IncomingMessage, trustedHops: number): string | undefined {
  return trustedValue(message, "x-forwarded-host", trustedHops) ?? message.headers.host;
}

function clientAddress(message: IncomingMessage, trustedHops: number): string {
  return trustedValue(message, "x-forwarded-for", trustedHops) ?? message.socket.remoteAddress ?? "";
}

/** The entry that the outermost trusted proxy wrote: counted from the right, since a client can write what is left of it. */
function trustedValue(message: IncomingMessage, field: string, trustedHops: number): string | undefined {
  if (trustedHops === 0) return undefined;
  const value = message.headers[field];
  if (typeof value !== "string") return undefined;
  const entries = value.split(",").map((entry) => entry.trim());
  const entry = entries[Math.max(0, entries.length - trustedHops)];
  return entry === "" ? undefined : entry;
}

function urlOf(message: MountedMessage, trustedHops: number): string {
  const target = message.originalUrl ?? message.url ?? "/";
  const scheme = knownScheme(message, trustedHops) ?? "http:";
  const host = requestedHost(message, trustedHops) ?? "localhost";
  const base = `${scheme}//${host}`;
  // As text, because a path that begins with two slashes would be resolved as a host.
  const url = target.startsWith("/") ? `${base}${target}` : target;
  if (URL.canParse(url, base)) return new URL(url, base).href;
  return `${scheme}//localhost/`;
}

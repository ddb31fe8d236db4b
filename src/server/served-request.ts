import type { IncomingMessage, ServerResponse } from "node:http";
import { NodeRequest } from "srvx/node";
import type { Channel } from "../channel/channel.ts";
import { isPlainHost } from "../http/host.ts";
import type { HandshakeOptions } from "../websocket/handshake.ts";
import { knownScheme, requestedHost, trustedValue } from "./forwarded.ts";

/** Frameworks that mount a handler below a path cut the path off `url` and keep it whole here. */
type MountedMessage = IncomingMessage & { readonly originalUrl?: string };

/** What an application does with a channel as soon as it has it: sets handlers, joins groups, sends. */
export type UseChannel = (channel: Channel) => unknown;

/** How the channel of one request is made. */
export type Opening = {
  /** Makes the channel and hands it over. @returns the response that stands for the channel */
  take(use: UseChannel, options: HandshakeOptions): Response;
};

/** What the server knows of a request besides the request itself. */
export type Origin = {
  readonly remoteAddress: string;
  readonly trustedHops: number;
  readonly opening: Opening;
  /** Where others may answer, too; srvx looks there for the end of the connection. */
  readonly response?: ServerResponse | undefined;
};

// A path and a query in which a URL changes nothing: most requests need no more than a scheme, a host and these in a row.
const plainTarget = /^(?:\/(?!\.)[\w\-.~!$&()*+,;=:@]*)+(?:\?[\w\-.~!$&()*+,;=:@/?%]*)?$/;

/** Mapped, since a property of a class cannot be overridden with an accessor, which it is. */
const LazyRequest: new (context: ConstructorParameters<typeof NodeRequest>[0]) => Pick<Request, keyof Request> =
  NodeRequest;

/**
 * A standard request, made lazily: parts that nobody asks for are not built.
 *
 * What the server keeps with it stands in private fields: two weak maps would cost each request more than the request.
 */
export class ServedRequest extends LazyRequest {
  readonly #message: IncomingMessage;
  readonly #remoteAddress: string;
  #opening: Opening | undefined;
  #url: string | undefined;

  constructor(message: MountedMessage, origin: Origin) {
    const { trustedHops, response } = origin;
    super(response === undefined ? { req: message } : { req: message, res: response });
    this.#message = message;
    this.#remoteAddress = trustedValue(message, "x-forwarded-for", trustedHops) ?? origin.remoteAddress;
    this.#opening = origin.opening;
    // srvx knows nothing of mounted paths, and counts proxies in another way.
    if (trustedHops > 0 || message.originalUrl !== undefined) this.#url = urlOf(message, trustedHops);
  }

  override get url(): string {
    return (this.#url ??= this.#makeUrl());
  }

  #makeUrl(): string {
    const { url = "", headers, socket } = this.#message;
    const { host = "" } = headers;
    // That of srvx takes most hosts as they stand, and one that it does not know for another.
    if (!plainTarget.test(url) || !isPlainHost(host)) return urlOf(this.#message, 0);
    return `${"encrypted" in socket ? "https" : "http"}://${host}${url}`;
  }

  static addressOf(request: Request): string {
    return isObject(request) && #remoteAddress in request ? request.#remoteAddress : "";
  }

  /** Takes what makes the channel of a request, which can be done once. */
  static takeOpening(request: Request): Opening | undefined {
    if (!isObject(request) || !(#opening in request)) return undefined;
    const opening = request.#opening;
    request.#opening = undefined;
    return opening;
  }
}

/**
 * The address of the client that made a request.
 *
 * The other end of the socket; behind trusted proxies (`trustProxy`) what the outermost of them saw. Empty when the
 * request did not come through channelkit.
 */
export function remoteAddress(request: Request): string {
  return ServedRequest.addressOf(request);
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

/** Callers without types may pass anything. */
function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

import type { IncomingMessage, ServerResponse } from "node:http";
import { NodeRequest } from "srvx/node";
import type { Channel } from "../channel/channel.ts";
import type { Environment } from "../channel/environment.ts";
import { isPlainHost } from "../http/host.ts";
import type { HandshakeOptions } from "../websocket/handshake.ts";
import type { ChannelKit } from "./channel-kit.ts";
import type { AllowedOrigins } from "./origin.ts";
import { forwardedAddress, knownScheme, requestedHost } from "./forwarded.ts";

/** Frameworks that mount a handler below a path cut the path off `url` and keep it whole here. */
type MountedMessage = IncomingMessage & {
  readonly originalUrl?: string;
  readonly rawBody?: Buffer;
  /** Of our own requests: forgets all forms of the header fields but one. */
  compact?(): void;
};

/** What an application does with a channel as soon as it has it: sets handlers, joins groups, sends. */
export type UseChannel = (channel: Channel) => unknown;

/** How the channel of one request is made. */
export type Opening = {
  /** Of the server that serves the request. */
  readonly environment: Environment;
  /** The subprotocols that the client offers. Undefined: it does not ask for a WebSocket. */
  readonly offeredProtocols: readonly string[] | undefined;
  /** Whether the page that makes the request may open a WebSocket here, or do what is as good. */
  readonly isOriginAllowed: boolean;
  /** Those beside its own that the server was told of. */
  readonly allowedOrigins: AllowedOrigins;
  /**
   * Makes the channel and hands it over. @returns the response that stands for the channel
   *
   * @param kit - makes channels of another class
   */
  take(use: UseChannel, options: HandshakeOptions, kit?: ChannelKit): Response;
};

/** What those see of a request who answer it in a protocol of their own. */
export type Insight = { readonly message: MountedMessage; readonly opening: Opening | undefined };

/** What the server knows of a request besides the request itself. */
export type Origin = {
  readonly remoteAddress: string;
  readonly trustedHops: number;
  readonly opening?: Opening;
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
  readonly #message: MountedMessage;
  readonly #remoteAddress: string;
  #opening: Opening | undefined;
  #url: string | undefined;

  constructor(message: MountedMessage, origin: Origin) {
    const { trustedHops, response } = origin;
    super(response === undefined ? { req: message } : { req: message, res: response });
    this.#message = message;
    this.#remoteAddress = forwardedAddress(message, trustedHops) ?? origin.remoteAddress;
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

  /** About how many bytes a request takes besides its objects: what its client has sent of it. */
  static sizeOf(request: Request): number {
    if (!isObject(request) || !(#message in request)) return 0;
    const { url = "", rawBody, rawHeaders } = request.#message;
    const bodyBytes = rawBody?.length ?? 0;
    return rawHeaders.reduce((bytes, line) => bytes + line.length, url.length + bodyBytes);
  }

  /** Undefined for a request that is not served here. */
  static lookInto(request: Request): Insight | undefined {
    if (!isObject(request) || !(#opening in request)) return undefined;
    return { message: request.#message, opening: request.#opening };
  }

  /** The same request with another Authorization field, for those who look at it; it has no channel to give. */
  static withAuthorization(request: Request, value: string): Request {
    if (!isObject(request) || !(#message in request)) return request;
    const { headers, rawHeaders } = request.#message;
    const message: IncomingMessage = Object.create(request.#message, {
      headers: { value: { ...headers, authorization: value } },
      rawHeaders: { value: withField(rawHeaders, "Authorization", value) },
    }) as IncomingMessage;
    const made = new ServedRequest(message, { remoteAddress: request.#remoteAddress, trustedHops: 0 });
    made.#url = request.url;
    return made;
  }

  /** Keeps a request that lasts in the least memory: whoever looked at it is done. */
  static compact(request: Request): void {
    if (isObject(request) && #message in request) request.#message.compact?.();
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

/** Names and values in turns, as Node has them. */
function withField(rawHeaders: readonly string[], name: string, value: string): string[] {
  const others: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [field = "", line = ""] = rawHeaders.slice(index, index + 2);
    if (field.toLowerCase() !== name.toLowerCase()) others.push(field, line);
  }
  return [...others, name, value];
}

/** Callers without types may pass anything. */
function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

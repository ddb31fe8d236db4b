import { checkClose } from "../channel/check-close.ts";
import type { HeaderFields } from "../channel/data.ts";
import { type ErrorListener, invalidArgument } from "../channel/errors.ts";
import { type Limits, resolveSessionLimits } from "../channel/limits.ts";
import { requestRoomBytes, type SessionLimits } from "../channel/session-limits.ts";
import { lookAt } from "../channel/look-at.ts";
import { takeOptions } from "../channel/take-options.ts";
import { hasBody } from "../http/request-rules.ts";
import { isProtocolList, maxProtocolLength, maxProtocols } from "../protocol/application-protocol.ts";
import { protocolField } from "../protocol/http-fields.ts";
import { channelUnavailable } from "../server/opening.ts";
import { containListener } from "../server/report.ts";
import { ServedRequest } from "../server/served-request.ts";
import type { Authorize } from "./admission.ts";
import type { SessionChannel, UseSession } from "./session-channel.ts";
import { checkCloseCode } from "./check-close-code.ts";
import { answerPreflight, isPreflight } from "./cross-origin.ts";
import { plainAnswer } from "./plain-answers.ts";
import { SessionHost } from "./session-host.ts";
import { SessionRequests } from "./session-requests.ts";
import { SessionSockets, speaksSessions } from "./session-sockets.ts";

/** What `createSessions` takes. */
export type SessionsOptions<User> = {
  /**
   * Says whose session it is, each time that a client attaches: over a new transport, after a loss, by whatever transport.
   * Nothing or false refuse the client with 4501; so does, and is reported, a user who cannot be told from others, such as NaN.
   * What throws or rejects is reported, and the client tries again (4006). True is a user whom nobody knows, as there are
   * without `authorize`. A token of the client stands in the Authorization field of the request. Default: everybody gets a session, and its `attachment` is undefined.
   */
  readonly authorize?: Authorize<User>;
  /**
   * Who a user is, as text of 1 to 1024 characters: a session is `denied` to all others. What throws, or returns anything
   * else, a promise too, refuses the client with 4501 and is reported. Default: the user itself if it is text or a finite
   * number, else its `id`.
   */
  readonly identify?: (user: User) => string;
  /**
   * When the right of a user to sessions is over, in milliseconds since 1970; undefined: never. It is asked behind each
   * `authorize`. Then what carries the session ends with 4010, at which the client comes back, with a new token; one that
   * does not has its session ended as any that stays away. What throws, or returns anything else, refuses the client with
   * 4501 and is reported. Default: never.
   */
  readonly expiresAtMs?: (user: User) => number | undefined;
  /** Bounds that differ from `defaultSessionLimits`. */
  readonly limits?: Partial<SessionLimits>;
  /** Where faults of sessions are reported. Default: where the server reports its own. */
  readonly onError?: ErrorListener;
};

/** What `accept` takes besides. */
export type AcceptOptions = {
  /** Further header fields of the 101 of a WebSocket. */
  readonly headers?: HeaderFields;
  /**
   * The subprotocols that the application speaks, the best first. A session that the request opens has the first of them
   * that its client offers, which `channel.protocol` tells both ends. Default: none.
   */
  readonly protocols?: readonly string[];
};

/** The sessions of an application. */
export type Sessions<User = undefined> = Iterable<SessionChannel<User>> & {
  /**
   * Answers a request of the session protocol: gives it a new session, resumes one, or takes or sends its messages.
   *
   * A request that does not speak the protocol is refused: ask {@link accepts} where others come, too.
   *
   * @param use - called once for each new session, as soon as its first transport carries it
   * @throws ChannelError `CHANNEL_UNAVAILABLE` for a request that is not being served here, is answered, or whose body others
   *   have read;
   *   `INVALID_ARGUMENT` for options that cannot be, and if the server takes less than `maxMessageBytes` of these sessions
   */
  accept(request: Request, use: UseSession<User>, options?: AcceptOptions): Response | Promise<Response>;
  /** Whether a request speaks the session protocol, or a browser asks if it may; another can be served as a plain channel on the same route. */
  accepts(request: Request): boolean;
  /** An open session by the id of its channel. */
  get(id: string): SessionChannel<User> | undefined;
  /**
   * The open sessions of a user, those of clients that are away among them, from the first to the last that was opened.
   *
   * @param owner - who it is, as `identify` says it
   * @returns those that there are now. Empty also for users whom nobody knows
   * @throws ChannelError `INVALID_ARGUMENT` for what is no text
   */
  of(owner: string): readonly SessionChannel<User>[];
  /**
   * Closes the open sessions of a user, wherever their clients are, each behind what was sent to it.
   *
   * Have `authorize` refuse the user first: nothing else keeps clients from opening new ones.
   *
   * @param owner - who it is, as `identify` says it
   * @param code - as that of `close` of a channel. Default: 1000
   * @returns how many it closes
   * @throws ChannelError `INVALID_ARGUMENT` for what is no text, and for a code or a reason that cannot stand in a Close frame
   */
  closeUser(owner: string, code?: number, reason?: string): number;
  /** How many sessions are open, those of clients that are away among them. */
  readonly size: number;
};

const protocolList = `a list of at most ${maxProtocols} different tokens of at most ${maxProtocolLength} characters`;
const bodyWasRead = "others have read its body: sessions go in front of what parses bodies";
const optionNames = ["authorize", "identify", "expiresAtMs", "limits", "onError"] as const;
const acceptOptionNames = ["headers", "protocols"] as const;

/**
 * Keeps sessions: conversations that outlive their transports.
 *
 * Each is a channel that lasts until either side closes it, or its client stays away for longer than
 * `limits.resumeWindowMs`. Meanwhile WebSockets, streams and long polls come and go, and each message arrives once.
 *
 * @throws ChannelError `INVALID_ARGUMENT` for options that cannot be
 */
export function createSessions<User = undefined>(options: SessionsOptions<User> = {}): Sessions<User> {
  const { authorize, identify, expiresAtMs, limits = {}, onError } = takeOptions("options", options, optionNames);
  for (const [name, given] of Object.entries({ authorize, identify, expiresAtMs, onError })) {
    if (given !== undefined && typeof given !== "function") throw invalidArgument(name, "a function", given);
  }
  const report = onError === undefined ? undefined : containListener(onError);
  const resolved = resolveSessionLimits(limits);
  return sessionsOf(new SessionHost<User>({ limits: resolved, authorize, identify, expiresAtMs, report }));
}

function sessionsOf<User>(host: SessionHost<User>): Sessions<User> {
  const requests = new SessionRequests(host);
  const sockets = new SessionSockets(host);
  return {
    accept(request, use, options) {
      if (typeof use !== "function") throw invalidArgument("use", "a function that takes a channel", use);
      const { headers, protocols } = options === undefined ? byDefault : takeAcceptOptions(options);
      const terms = { use, protocols };
      const { message, opening } = ServedRequest.lookInto(request) ?? {};
      if (message === undefined || opening === undefined) throw channelUnavailable();
      checkServerLimits(opening.environment.limits, host.limits.maxMessageBytes);
      const { offeredProtocols, environment, isOriginAllowed, allowedOrigins } = opening;
      const handshake = headers === undefined ? {} : { headers };
      if (offeredProtocols !== undefined) return sockets.accept(request, offeredProtocols, terms, handshake);
      if (isPreflight(message)) return answerPreflight(message, allowedOrigins, isOriginAllowed);
      if (request.method !== "POST") return plainAnswer("wrongMethod", new Headers({ Allow: "POST" }));
      if (!isOriginAllowed) return plainAnswer("foreignOrigin");
      // No form can set the field, and no page of another origin without asking first.
      if (message.headers[protocolField] === undefined) return plainAnswer("noProtocol");
      if (message.rawBody === undefined && message.readableEnded && hasBody(message))
        throw channelUnavailable(bodyWasRead);
      return requests.accept(request, { message, environment }, terms);
    },
    accepts(request) {
      const { message, opening } = ServedRequest.lookInto(request) ?? {};
      if (message === undefined || opening === undefined) return false;
      const { offeredProtocols } = opening;
      if (offeredProtocols !== undefined) return speaksSessions(offeredProtocols);
      return isPreflight(message) || (request.method === "POST" && message.headers[protocolField] !== undefined);
    },
    get: (id) => host.channels.get(id),
    of(owner) {
      checkOwner(owner);
      return host.owned.of(owner);
    },
    closeUser(owner, code = 1000, reason = "") {
      checkOwner(owner);
      checkClose(code, reason);
      checkCloseCode(code);
      return host.closeUser(owner, code, reason);
    },
    get size() {
      return host.channels.size;
    },
    [Symbol.iterator]: () => host.channels.values(),
  };
}

function checkOwner(owner: string): void {
  if (typeof owner !== "string" || owner === "") throw invalidArgument("owner", "who a user is, as text", owner);
}

const byDefault: AcceptOptions & { readonly protocols: readonly string[] } = { protocols: [] };

function takeAcceptOptions(options: AcceptOptions): typeof byDefault {
  const { protocols = [], ...rest } = takeOptions("options", options, acceptOptionNames);
  return lookAt("protocols", protocols, () => {
    if (!isProtocolList(protocols)) throw invalidArgument("protocols", protocolList, protocols);
    return { ...rest, protocols: [...protocols] };
  });
}

/** The sessions tell their clients how large a message may be: one that the server never takes would be sent again for ever. */
function checkServerLimits(server: Limits, maxMessageBytes: number): void {
  const { maxBodyBytes, maxMessageBytes: mostInFrames } = server;
  const most = Math.min(mostInFrames, maxBodyBytes - requestRoomBytes);
  if (maxMessageBytes <= most) return;
  const bounds = `maxMessageBytes of the server, ${mostInFrames}, and ${requestRoomBytes} under its maxBodyBytes, ${maxBodyBytes}`;
  throw invalidArgument("limits.maxMessageBytes of createSessions", `at most ${bounds}`, maxMessageBytes);
}

import type { Channel } from "../channel/channel.ts";
import { isThenable } from "../channel/mailbox.ts";
import type { SessionLimits } from "../channel/session-limits.ts";
import { closeCodes } from "../protocol/close-code.ts";
import type { AttachRecord } from "../protocol/control-record.ts";
import { protocolVersion, subprotocol } from "../protocol/http-fields.ts";
import { plainChannels } from "../server/channel-kit.ts";
import { takeOpening } from "../server/opening.ts";
import type { Clock } from "../session/clock.ts";
import type { Refusal } from "../session/refusal.ts";
import type { HandshakeOptions } from "../websocket/handshake.ts";
import { Heartbeat } from "../websocket/heartbeat.ts";
import type { WebSocketOptions } from "../websocket/websocket-options.ts";
import type { Admitted } from "./admission.ts";
import { Derived } from "./derived.ts";
import { noSubprotocol } from "./plain-answers.ts";
import type { SessionTerms } from "./session-channel.ts";
import type { SessionHost } from "./session-host.ts";
import { SessionSocket, type SocketOwner } from "./session-socket.ts";

/** What stands before the version in each subprotocol of ours. */
const family = subprotocol.slice(0, -protocolVersion.length);
/** Sessions ping by themselves, and one of both is enough. */
const noHeartbeat = new Heartbeat(0, 1000);

/** Whether a client that offers these subprotocols speaks this protocol, in whatever version. */
export function speaksSessions(offered: readonly string[]): boolean {
  return offered.some((each) => each.startsWith(family));
}

/** The WebSocket half of the session protocol. */
export class SessionSockets<User> implements SocketOwner<User> {
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly #host: SessionHost<User>;
  readonly #options: Derived<WebSocketOptions>;

  constructor(host: SessionHost<User>) {
    this.#host = host;
    this.clock = host.clock;
    this.limits = host.limits;
    this.#options = new Derived((options) => ({
      ...options,
      environment: host.environmentFor(options.environment),
      heartbeat: noHeartbeat,
    }));
  }

  /** Accepts the WebSocket of a client, which attaches over it. */
  accept(
    request: Request,
    offered: readonly string[],
    terms: SessionTerms<User>,
    options: Pick<HandshakeOptions, "headers">,
  ): Response {
    const isKnown = offered.includes(subprotocol);
    // A browser does not show its page why a handshake failed: a version that is not known is accepted, to say so.
    const protocol = isKnown ? subprotocol : offered.find((each) => each.startsWith(family));
    const closeUnknown = (channel: Channel): void => {
      // A client reads the versions, and a person the text.
      if (!isKnown) channel.close(closeCodes.version, protocol === undefined ? noSubprotocol : protocolVersion);
    };
    return takeOpening(request).take(closeUnknown, protocol === undefined ? options : { ...options, protocol }, {
      ...plainChannels,
      webSocket: (made, socket, given) => new SessionSocket(this, terms, made, socket, this.#options.of(given)),
    });
  }

  attach(record: AttachRecord, socket: SessionSocket<User>): void {
    const admitted = this.#host.admit(socket.request, socket.environment, record.token);
    if (isThenable(admitted)) void Promise.resolve(admitted).then((result) => this.#settle(result, record, socket));
    else this.#settle(admitted, record, socket);
  }

  #settle(admitted: Admitted<User> | Refusal, record: AttachRecord, socket: SessionSocket<User>): void {
    // It may be gone by now.
    if (!socket.isOpen) return;
    const { request, environment, terms } = socket;
    if ("code" in admitted) socket.turnAway(admitted);
    else this.#host.attach(record, admitted, { request, environment, terms, transport: socket });
  }
}

import { isThenable } from "../channel/mailbox.ts";
import { closeCodes } from "../protocol/close-code.ts";
import type { AttachRecord } from "../protocol/control-record.ts";
import { protocolVersion, subprotocol } from "../protocol/http-fields.ts";
import { plainChannels } from "../server/channel-kit.ts";
import { takeOpening } from "../server/opening.ts";
import type { Refusal } from "../session/session-registry.ts";
import type { HandshakeOptions } from "../websocket/handshake.ts";
import { Heartbeat } from "../websocket/heartbeat.ts";
import type { WebSocketOptions } from "../websocket/websocket-options.ts";
import type { Admitted } from "./admission.ts";
import { Derived } from "./derived.ts";
import type { SessionHost, UseSession } from "./session-host.ts";
import { SessionSocket } from "./session-socket.ts";

/** What stands before the version in each subprotocol of ours. */
const family = subprotocol.slice(0, -protocolVersion.length);
/** Sessions ping by themselves, and one of both is enough. */
const noHeartbeat = new Heartbeat(0, 1000);

/** Whether a client that offers these subprotocols speaks this protocol, in whatever version. */
export function speaksSessions(offered: readonly string[]): boolean {
  return offered.some((each) => each.startsWith(family));
}

/** The WebSocket half of the session protocol. */
export class SessionSockets<User> {
  readonly #host: SessionHost<User>;
  readonly #options: Derived<WebSocketOptions>;

  constructor(host: SessionHost<User>) {
    this.#host = host;
    this.#options = new Derived((options) => ({
      ...options,
      environment: host.environmentFor(options.environment),
      heartbeat: noHeartbeat,
    }));
  }

  /** Accepts the WebSocket of a client, which attaches over it. */
  accept(request: Request, offered: readonly string[], use: UseSession<User>, options: HandshakeOptions): Response {
    const isKnown = offered.includes(subprotocol);
    // A browser does not show its page why a handshake failed: a version that is not known is accepted, to say so.
    const protocol = isKnown ? subprotocol : offered.find((each) => each.startsWith(family));
    const { clock, limits } = this.#host;
    const attach = (record: AttachRecord, socket: SessionSocket): void => this.#attach(record, socket, use);
    return takeOpening(request).take(
      (channel) => {
        if (!isKnown) channel.close(closeCodes.version, protocolVersion);
      },
      protocol === undefined ? options : { ...options, protocol },
      {
        ...plainChannels,
        webSocket: (made, socket, given) =>
          new SessionSocket(made, socket, this.#options.of(given), { clock, limits, attach }),
      },
    );
  }

  #attach(record: AttachRecord, socket: SessionSocket, use: UseSession<User>): void {
    const admitted = this.#host.admit(socket.request, socket.environment, record.token);
    if (isThenable(admitted))
      void Promise.resolve(admitted).then((result) => this.#settle(result, record, socket, use));
    else this.#settle(admitted, record, socket, use);
  }

  #settle(
    admitted: Admitted<User> | Refusal,
    record: AttachRecord,
    socket: SessionSocket,
    use: UseSession<User>,
  ): void {
    // It may be gone by now.
    if (!socket.isOpen) return;
    const { request, environment } = socket;
    if ("code" in admitted) socket.turnAway(admitted);
    else this.#host.attach(record, admitted, { request, environment, use, transport: socket });
  }
}

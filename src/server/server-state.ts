import type { IncomingMessage } from "node:http";
import type { Environment } from "../channel/environment.ts";
import { checkRequestHead, type RequestFault } from "../http/request-rules.ts";
import type { Deflater } from "../websocket/deflater.ts";
import { Heartbeat } from "../websocket/heartbeat.ts";
import type { WebSocketOptions } from "../websocket/websocket-options.ts";
import { endSocket } from "./end-socket.ts";
import { type AllowedHosts, isHostAllowed } from "./hosts.ts";
import type { AllowedOrigins } from "./origin.ts";

/** A standard request handler. It answers a request, or returns what `withChannel` gave it. */
export type RequestHandler = (request: Request) => Response | Promise<Response>;

/** `running` takes requests; `stopping` finishes what it has, and is to be sent no more; `stopped` has nothing left. */
export type ServerStatus = "running" | "stopping" | "stopped";

export type ServerSettings = {
  readonly handler: RequestHandler;
  readonly environment: Environment;
  readonly allowedOrigins: AllowedOrigins;
  readonly allowedHosts: AllowedHosts;
  readonly trustedHops: number;
  /** There when messages are compressed for clients that offer it. */
  readonly deflater: Deflater | undefined;
};

/** What every turn of every connection of a server needs to know. */
export class ServerState {
  readonly settings: ServerSettings;
  /** The same for all WebSockets that do not compress. */
  readonly webSocketOptions: WebSocketOptions;
  /** The same for all whose clients have offered to. */
  readonly compressingOptions: WebSocketOptions;
  status: ServerStatus = "running";
  /** Further connections are taken, which goes on for a while after `stop` was called if it is told to. */
  isAccepting = true;
  /** Others have Node's response objects in their hands, too. */
  isMounted = false;
  /** Channels get their last words, and one that is taken now gets them at once. */
  isDismissing = false;
  #pendingRequests = 0;

  constructor(settings: ServerSettings) {
    this.settings = settings;
    const { environment } = settings;
    const { limits } = environment;
    this.webSocketOptions = {
      environment,
      heartbeat: new Heartbeat(limits.pingIntervalMs, limits.pongTimeoutMs),
      endSocket: (socket) => endSocket(socket, limits),
      deflater: undefined,
    };
    this.compressingOptions = { ...this.webSocketOptions, deflater: settings.deflater };
  }

  get environment(): Environment {
    return this.settings.environment;
  }

  /** Why a request with this head is not served. Listeners that are mounted on a server outlive their own end. */
  checkHead(message: IncomingMessage): RequestFault | undefined {
    if (this.status === "stopped") return { status: 503, rule: "it came after the end" };
    const fault = checkRequestHead(message, this.environment.limits);
    if (fault !== undefined) return fault;
    const { allowedHosts, trustedHops } = this.settings;
    if (isHostAllowed(message, allowedHosts, trustedHops)) return undefined;
    // RFC 9110 §15.5.20: no answer of this server is one of the host that was asked for.
    return { status: 421, rule: "its host is none that is served here" };
  }

  /** Counts a request whose handler is about to run. @returns false when too many are pending */
  beginPending(): boolean {
    if (this.#pendingRequests >= this.environment.limits.maxPendingRequests) return false;
    this.#pendingRequests += 1;
    return true;
  }

  /** The request has answered, or taken its channel. To be called once for each that has begun. */
  endPending(): void {
    this.#pendingRequests -= 1;
  }
}

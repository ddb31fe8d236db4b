import type { Environment } from "../channel/environment.ts";
import type { RequestFault } from "../http/request-rules.ts";
import type { Deflater } from "../websocket/deflater.ts";
import { Heartbeat } from "../websocket/heartbeat.ts";
import type { AllowedOrigins } from "./origin.ts";

/** A standard request handler. It answers a request, or returns what `withChannel` gave it. */
export type RequestHandler = (request: Request) => Response | Promise<Response>;

/** `running` takes requests; `stopping` finishes what it has; `stopped` has nothing left. */
export type ServerStatus = "running" | "stopping" | "stopped";

export type ServerSettings = {
  readonly handler: RequestHandler;
  readonly environment: Environment;
  readonly allowedOrigins: AllowedOrigins;
  readonly trustedHops: number;
  /** There when messages are compressed for clients that offer it. */
  readonly deflater: Deflater | undefined;
};

/** What every turn of every connection of a server needs to know. */
export class ServerState {
  readonly settings: ServerSettings;
  readonly heartbeat: Heartbeat;
  status: ServerStatus = "running";
  /** Others have Node's response objects in their hands, too. */
  isMounted = false;
  /** Channels get their last words, and one that is taken now gets them at once. */
  isDismissing = false;
  #pendingRequests = 0;

  constructor(settings: ServerSettings) {
    this.settings = settings;
    const { pingIntervalMs, pongTimeoutMs } = settings.environment.limits;
    this.heartbeat = new Heartbeat(pingIntervalMs, pongTimeoutMs);
  }

  get environment(): Environment {
    return this.settings.environment;
  }

  /** Why no request is served any more: listeners that are mounted on a server outlive their own end. */
  refusal(): RequestFault | undefined {
    return this.status === "stopped" ? { status: 503, rule: "it came after the end" } : undefined;
  }

  /**
   * Counts a request whose handler is about to run, until it has answered or taken the channel.
   *
   * @returns what to call then, any number of times; undefined when too many are pending
   */
  beginPending(): (() => void) | undefined {
    if (this.#pendingRequests >= this.environment.limits.maxPendingRequests) return undefined;
    this.#pendingRequests += 1;
    let isPending = true;
    return () => {
      if (isPending) this.#pendingRequests -= 1;
      isPending = false;
    };
  }
}

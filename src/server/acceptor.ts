import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Environment } from "../channel/environment.ts";
import { Heartbeat } from "../websocket/heartbeat.ts";
import { Connection } from "./connection.ts";
import type { RequestHandler } from "./dispatch.ts";
import { HttpTurn } from "./http-turn.ts";
import type { AllowedOrigins } from "./origin.ts";
import { UpgradeTurn } from "./upgrade-turn.ts";

export type AcceptorOptions = {
  readonly handler: RequestHandler;
  readonly environment: Environment;
  readonly allowedOrigins: AllowedOrigins;
  readonly trustedHops: number;
};

/** `running` takes requests; `stopping` finishes what it has; `stopped` has nothing left. */
export type ServerStatus = "running" | "stopping" | "stopped";

/** Takes what Node's server emits and gives each request its turn. Knows all connections. */
export class Acceptor {
  readonly handler: RequestHandler;
  readonly environment: Environment;
  readonly allowedOrigins: AllowedOrigins;
  readonly trustedHops: number;
  readonly heartbeat: Heartbeat;
  readonly connections: Set<Connection> = new Set();
  status: ServerStatus = "running";
  /** Channels get their last words, and one that is taken now gets them at once. */
  isDismissing = false;
  /** Requests whose handler runs and has neither answered nor taken the channel. */
  pendingRequests = 0;
  readonly #connectionOf = new WeakMap<Socket, Connection>();
  readonly #connectionsOfAddress = new Map<string, number>();
  #whenEmpty: (() => void) | undefined;

  constructor(options: AcceptorOptions) {
    this.handler = options.handler;
    this.environment = options.environment;
    this.allowedOrigins = options.allowedOrigins;
    this.trustedHops = options.trustedHops;
    const { pingIntervalMs, pongTimeoutMs } = options.environment.limits;
    this.heartbeat = new Heartbeat(pingIntervalMs, pongTimeoutMs);
  }

  /** Listener of `connection` (`secureConnection` with TLS): turns clients away above the limits. */
  connect(socket: Socket): void {
    const { maxConnections, maxConnectionsPerAddress } = this.environment.limits;
    const connection = this.#connection(socket);
    const ofAddress = this.#connectionsOfAddress.get(connection.remoteAddress) ?? 0;
    if (this.connections.size > maxConnections || ofAddress > maxConnectionsPerAddress) connection.refuse(503);
  }

  /** Listener of `request`. */
  request(message: IncomingMessage, response: ServerResponse, expects: "nothing" | "continue" | "unknown" = "nothing"): void {
    const turn = new HttpTurn(this, this.#connection(message.socket), { message, response, expects });
    turn.arrive();
  }

  /** Listener of `upgrade`. */
  upgrade(message: IncomingMessage, socket: Socket, head: Buffer): void {
    const turn = new UpgradeTurn(this, this.#connection(socket), { message, head });
    turn.arrive();
  }

  /** Listener of `clientError`: bytes that are no request. */
  clientError(error: Error & { code?: string; rawPacket?: Buffer }, socket: Socket): void {
    const connection = this.#connection(socket);
    // What follows a request that closes its connection is not even looked at.
    if (error.code === "HPE_CLOSED_CONNECTION") return;
    const isParserError = error.code?.startsWith("HPE_") === true;
    if (isParserError) {
      const isHead = error.rawPacket?.subarray(0, 5).toString("latin1") === "HEAD ";
      connection.takeFault(error.code === "HPE_HEADER_OVERFLOW" ? 431 : 400, "its bytes are no HTTP request", isHead);
    } else if (error.code === "ERR_HTTP_REQUEST_TIMEOUT" && socket.bytesRead > 0) {
      connection.takeFault(408, "its request took too long to arrive", false);
    } else connection.cut();
  }

  /** Resolves when no connection is left. */
  whenEmpty(): Promise<void> {
    return new Promise((resolve) => {
      if (this.connections.size === 0) resolve();
      else this.#whenEmpty = resolve;
    });
  }

  #connection(socket: Socket): Connection {
    let connection = this.#connectionOf.get(socket);
    if (connection === undefined) {
      connection = new Connection(socket, this.environment, (closed) => this.#forget(closed));
      this.#connectionOf.set(socket, connection);
      this.connections.add(connection);
      this.#count(connection.remoteAddress, 1);
    }
    return connection;
  }

  #forget(connection: Connection): void {
    if (this.connections.delete(connection)) this.#count(connection.remoteAddress, -1);
    if (this.connections.size === 0) this.#whenEmpty?.();
  }

  #count(address: string, change: 1 | -1): void {
    const count = (this.#connectionsOfAddress.get(address) ?? 0) + change;
    if (count > 0) this.#connectionsOfAddress.set(address, count);
    else this.#connectionsOfAddress.delete(address);
  }
}

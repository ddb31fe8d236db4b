import type { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Environment } from "../channel/environment.ts";
import { addressBlock } from "./address-block.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import { type Expectation, HttpTurn } from "./http-turn.ts";
import { LightRequest } from "./light-messages.ts";
import { MountedExchange } from "./mounted-exchange.ts";
import type { ServerState } from "./server-state.ts";
import { UpgradeTurn } from "./upgrade-turn.ts";

/** Takes what Node's server emits and gives each request its turn. Knows all connections. */
export class Acceptor implements ConnectionOwner {
  readonly state: ServerState;
  readonly connections: Set<Connection> = new Set();
  /** By what one client may have of the addresses. */
  readonly #connectionsOfBlock = new Map<string, number>();
  #whenEmpty: (() => void) | undefined;

  constructor(state: ServerState) {
    this.state = state;
  }

  get environment(): Environment {
    return this.state.environment;
  }

  get idleTimeoutMs(): number {
    return this.state.isMounted ? 0 : this.environment.limits.idleTimeoutMs;
  }

  /** Listener of `connection` (`secureConnection` with TLS): turns clients away above the limits. */
  connect(socket: Socket): void {
    // A socket that was handed back to the server; see serveWithoutUpgrade.
    if (Connection.of(socket) !== undefined) return;
    const { maxConnections, maxConnectionsPerAddress } = this.state.environment.limits;
    const connection = this.#connection(socket);
    Object.assign(socket, ordinaryListening);
    if (!this.state.isAccepting) {
      // It was in its TLS handshake when the server was told to stop.
      connection.end();
      return;
    }
    const ofBlock = this.#connectionsOfBlock.get(addressBlock(connection.remoteAddress)) ?? 0;
    const share = Math.max(this.connections.size / maxConnections, ofBlock / maxConnectionsPerAddress);
    // One that was refused lingers until its client has read that: these must not become too many, either.
    if (share > 2) connection.cut();
    else if (share > 1) connection.refuse(503);
  }

  /** Listener of `request`. */
  request(message: IncomingMessage, response: ServerResponse, expects: Expectation = "nothing"): void {
    if (isTooLate(message.socket)) return;
    const node = message instanceof LightRequest ? message : new MountedExchange(message, response);
    new HttpTurn(this.state, this.#connection(message.socket), node, expects).arrive();
  }

  /** Listener of `upgrade`. */
  upgrade(message: IncomingMessage, socket: Socket, head: Buffer): void {
    if (isTooLate(socket)) return;
    const turn = new UpgradeTurn(this.state, this.#connection(socket), { message, head });
    turn.arrive();
  }

  /** Listener of `clientError`: bytes that are no request. */
  clientError(error: Error & { code?: string; rawPacket?: Buffer }, socket: Socket): void {
    const connection = Connection.of(socket);
    if (connection === undefined) {
      // Its TLS handshake failed. It may be closed already, and would never be forgotten if it were counted now.
      socket.destroy();
      return;
    }
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

  /** Listener of `timeout`. */
  timeout(socket: Socket): void {
    Connection.of(socket)?.timedOut();
  }

  /** Resolves when no connection is left. */
  whenEmpty(): Promise<void> {
    return new Promise((resolve) => {
      if (this.connections.size === 0) resolve();
      else this.#whenEmpty = resolve;
    });
  }

  forget(connection: Connection): void {
    if (this.connections.delete(connection)) this.#count(connection.remoteAddress, -1);
    if (this.connections.size === 0) this.#whenEmpty?.();
  }

  #connection(socket: Socket): Connection {
    let connection = Connection.of(socket);
    if (connection === undefined) {
      connection = new Connection(socket, this);
      this.connections.add(connection);
      this.#count(connection.remoteAddress, 1);
    }
    return connection;
  }

  #count(address: string, change: 1 | -1): void {
    const block = addressBlock(address);
    const count = (this.#connectionsOfBlock.get(block) ?? 0) + change;
    if (count > 0) this.#connectionsOfBlock.set(block, count);
    else this.#connectionsOfBlock.delete(block);
  }
}

/**
 * Node gives each socket functions of its own for adding listeners, which look out for somebody who wants to read beside
 * the parser, and later takes them back. Here nobody does before, and they take a tenth of what an idle connection costs.
 */
const ordinaryListening: object = Object.fromEntries(
  (["on", "addListener", "prependListener"] as const).map((name) => [name, Socket.prototype[name]]),
);

/** A framework may hand a request on when its client has left: no event would tell that any more. */
function isTooLate(socket: Socket): boolean {
  return socket.closed;
}

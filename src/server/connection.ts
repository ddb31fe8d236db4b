import type { Socket } from "node:net";
import type { BaseChannel } from "../channel/base-channel.ts";
import type { Environment } from "../channel/environment.ts";
import { ChannelErrorOf } from "../channel/errors.ts";
import type { Movable } from "../channel/movable.ts";
import type { Sender } from "../channel/output-budget.ts";
import { encodeConstantResponse } from "../http/constant-response.ts";
import type { Exchange } from "../http/exchange.ts";
import type { RequestFault } from "../http/request-rules.ts";
import { endSocket } from "./end-socket.ts";

/** One request or upgrade of a connection, from its arrival to the end of its answer. */
export type Turn = {
  /** Everything before it is answered. */
  start(): void;
  /** What follows cannot be read. @returns whether that is a part of this request, which then answers for it */
  breakOff(fault: RequestFault): boolean;
  /** The client sends no more, but may still read. */
  clientEnded(): void;
  /** The connection is gone. @param byStop - because the server stopped and did not wait any longer */
  connectionGone(byStop: boolean): void;
  /** Last words to a channel when the server stops. A handler that runs goes on. */
  goAway(): void;
  /** What has been handed to the application, and carries what it sends. */
  readonly channel: BaseChannel | undefined;
  /** The response, of a request that is not an upgrade. */
  readonly exchange?: Exchange | undefined;
};

/** Whoever takes connections in. */
export type ConnectionOwner = {
  readonly environment: Environment;
  /** How long a connection may wait for its next request; 0 if somebody else sees to that. */
  readonly idleTimeoutMs: number;
  /** The connection is closed. */
  forget(connection: Connection): void;
};

/** On the socket itself, as Node and `ws` do it: a map of all sockets costs more time and memory. */
const connectionKey: unique symbol = Symbol("channelkit.connection");

type NodeSocket = Socket & {
  [connectionKey]?: Connection;
  /** Node's own flag: set when it stops reading because output waits. */
  _paused?: boolean;
};

/**
 * What the server keeps for one connection: whose turn it is, what came out of turn, and whether the client is there.
 *
 * Node hands out pipelined requests all at once. Here they wait in line, each until the answer before it is complete, so
 * that one client can neither run many handlers at once nor have an upgrade overtake an answer.
 */
export class Connection {
  readonly socket: Socket;
  /** Kept here, because a socket forgets it when it closes. */
  readonly remoteAddress: string;
  readonly #owner: ConnectionOwner;
  /** The turn that runs. */
  #current: Turn | undefined;
  /** Those behind it, which few connections ever have. */
  #waiting: Turn[] | undefined;
  #bytesBefore = 0;
  /** The turn that runs has read all of its request. */
  #isRequestComplete = true;
  #hasEnded = false;
  #isClosing = false;
  /** What the client is told, once everything before it is answered, for bytes that are no request. */
  #fault: { readonly status: number; readonly isHead: boolean } | undefined;

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.socket = socket;
    this.remoteAddress = socket.remoteAddress ?? "";
    this.#owner = owner;
    const nodeSocket: NodeSocket = socket;
    nodeSocket[connectionKey] = this;
    socket.on("end", tellEnded);
    socket.on("close", tellClosed);
  }

  static of(socket: NodeSocket): Connection | undefined {
    return socket[connectionKey];
  }

  /** No further request is taken from it. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** The client has sent its FIN. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get isIdle(): boolean {
    return this.#current === undefined;
  }

  /** Takes a request in; it starts when everything before it is answered. */
  enqueue(turn: Turn): void {
    if (this.#isClosing || this.#fault !== undefined) return;
    if (this.#current === undefined) {
      this.#current = turn;
      this.#start(turn);
      return;
    }
    (this.#waiting ??= []).push(turn);
    // The turn that runs may not have been told yet that its body is whole, which it must be with a request behind it.
    this.requestIsComplete();
    this.checkBacklog();
  }

  /** The turn that runs has read all of its request: what comes now is behind it. */
  requestIsComplete(): void {
    if (this.#isRequestComplete) return;
    this.#isRequestComplete = true;
    this.#bytesBefore = this.socket.bytesRead;
  }

  /** Drops a client that sends too much behind a request that is not answered yet. */
  checkBacklog(): void {
    const waiting = this.#waiting?.length ?? 0;
    if (waiting === 0 && this.#fault === undefined) return;
    const { maxPipelinedBytes, maxPipelinedRequests } = this.#owner.environment.limits;
    const isOver = this.socket.bytesRead - this.#bytesBefore > maxPipelinedBytes || waiting > maxPipelinedRequests;
    if (isOver) {
      this.#report("it sends too much behind a request that is not answered yet");
      this.cut();
      return;
    }
    // Not reading any more would hide that the client has left. What is read is bounded by the limits above.
    const socket: NodeSocket = this.socket;
    if (socket._paused !== true) return;
    socket._paused = false;
    socket.resume();
  }

  /** The answer of this turn is complete: the next one may start. */
  done(turn: Turn): void {
    if (this.#current !== turn || this.#isClosing) return;
    const next = this.#waiting?.shift();
    this.#current = next;
    // Not at once: this may be inside a call of the application that just sent its answer.
    if (next !== undefined) process.nextTick(() => this.#start(next));
    else if (this.#fault !== undefined) this.#refuseFault();
    else this.#awaitRequest();
  }

  /** The turn that runs may take as long as it likes, and so may its client. */
  park(): void {
    if (this.#owner.idleTimeoutMs > 0) this.socket.setTimeout(0);
  }

  /** Nothing has come for as long as a connection may wait for a request. Whether it does, only this knows. */
  timedOut(): void {
    if (this.isIdle) this.socket.destroy();
  }

  /** Puts another in the place of the turn that runs: one that keeps less of what is over. */
  replace(turn: Turn, successor: Turn): void {
    if (this.#current === turn) this.#current = successor;
    // Node, which has let go of the socket, had a listener there too, and a list that was grown for three keeps room for
    // nineteen: 150 bytes for each WebSocket.
    this.socket.off("end", tellEnded).on("end", tellEnded);
  }

  /** Takes a turn out without an answer: its request is read anew. */
  withdraw(turn: Turn): void {
    if (this.#current === turn) this.#current = this.#waiting?.shift();
  }

  /** The client sent something that is no request. Answers before it go out first. */
  takeFault(status: number, rule: string, isHead: boolean): void {
    if (this.#isClosing) return;
    if (this.#fault !== undefined) {
      this.checkBacklog();
      return;
    }
    const last = this.#waiting?.at(-1) ?? this.#current;
    if (last?.breakOff({ status, rule }) === true) return;
    this.#report(rule);
    this.#fault = { status, isHead };
    if (this.#current === undefined) this.#refuseFault();
  }

  /** Writes what waits, then ends the connection. Nothing more is taken from it. */
  end(): void {
    this.#isClosing = true;
    endSocket(this.socket, this.#owner.environment.limits);
  }

  /** Ends a connection that has no request in progress. One that has begun to send a request may finish it. */
  endIdle(): void {
    if (this.isIdle && this.socket.bytesRead === this.#bytesBefore) this.end();
  }

  /** Refuses the whole connection with a constant text. */
  refuse(status: number, isHead = false): void {
    this.socket.write(encodeConstantResponse(status, this.#owner.environment, { isHead }));
    this.end();
  }

  /** Ends the connection at once. @param byStop - because the server stops and waits no longer */
  cut(byStop = false): void {
    this.#isClosing = true;
    this.#goneForAll(byStop);
    this.socket.destroy();
  }

  goAway(): void {
    this.#current?.goAway();
  }

  /** Who sends over it now, and is not through: a channel, or a response that streams. */
  get sender(): Sender | undefined {
    const { channel, exchange } = this.#current ?? {};
    if (channel !== undefined && channel.closed === undefined) return channel;
    return exchange?.isStreaming === true ? exchange : undefined;
  }

  /** What it is that can go on elsewhere when the server stops. */
  get movable(): Movable | undefined {
    return this.#current?.channel?.movable;
  }

  #start(turn: Turn): void {
    if (this.#isClosing || this.#current !== turn) return;
    this.#isRequestComplete = false;
    turn.start();
  }

  #refuseFault(): void {
    if (this.#fault !== undefined) this.refuse(this.#fault.status, this.#fault.isHead);
  }

  /** Left running while requests come and go, since setting it costs more than letting it run out in vain. */
  #awaitRequest(): void {
    const { idleTimeoutMs } = this.#owner;
    if (idleTimeoutMs > 0 && this.socket.timeout !== idleTimeoutMs) this.socket.setTimeout(idleTimeoutMs);
  }

  /** The client sends no more. */
  ended(): void {
    this.#hasEnded = true;
    // What waits behind it is never started: its sender will not be there for the answer.
    this.#waiting = undefined;
    this.#current?.clientEnded();
  }

  closed(): void {
    this.#isClosing = true;
    this.#goneForAll(false);
    this.#owner.environment.budget.forget(this.socket);
    this.#owner.forget(this);
  }

  #goneForAll(byStop: boolean): void {
    const current = this.#current;
    const waiting = this.#waiting ?? [];
    this.#current = undefined;
    this.#waiting = undefined;
    current?.connectionGone(byStop);
    for (const turn of waiting) turn.connectionGone(byStop);
  }

  #report(rule: string): void {
    this.#owner.environment.report(new ChannelErrorOf("PEER_FAULT", { rule, remoteAddress: this.remoteAddress }));
  }
}

// The same functions for all sockets.

function tellEnded(this: NodeSocket): void {
  this[connectionKey]?.ended();
}

function tellClosed(this: NodeSocket): void {
  this[connectionKey]?.closed();
}

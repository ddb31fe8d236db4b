import type { Socket } from "node:net";
import type { Environment } from "../channel/environment.ts";
import { ChannelErrorOf } from "../channel/errors.ts";
import { encodeConstantResponse } from "../http/constant-response.ts";
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
};

/** Node's own flag: set when it stops reading because output waits. */
type NodeSocket = Socket & { _paused?: boolean };

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
  readonly #environment: Environment;
  readonly #whenClosed: (connection: Connection) => void;
  /** The turn that runs, and those that wait behind it. */
  readonly #turns: Turn[] = [];
  #bytesBefore = 0;
  /** The turn that runs has read all of its request. */
  #isRequestComplete = true;
  #hasEnded = false;
  #isClosing = false;
  /** What the client is told, once everything before it is answered, for bytes that are no request. */
  #fault: { readonly status: number; readonly isHead: boolean } | undefined;

  constructor(socket: Socket, environment: Environment, whenClosed: (connection: Connection) => void) {
    this.socket = socket;
    this.remoteAddress = socket.remoteAddress ?? "";
    this.#environment = environment;
    this.#whenClosed = whenClosed;
    socket.on("end", () => this.#ended());
    socket.on("close", () => this.#closed());
    // The close that follows tells all there is to tell.
    socket.on("error", () => this.socket.destroy());
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
    return this.#turns.length === 0;
  }

  /** Takes a request in; it starts when everything before it is answered. */
  enqueue(turn: Turn): void {
    if (this.#isClosing || this.#fault !== undefined) return;
    this.#turns.push(turn);
    if (this.#turns.length === 1) this.#start(turn);
    else {
      // The turn that runs may not have been told yet that its body is whole, which it must be with a request behind it.
      this.requestIsComplete();
      this.checkBacklog();
    }
  }

  /** The turn that runs has read all of its request: what comes now is behind it. */
  requestIsComplete(): void {
    if (this.#isRequestComplete) return;
    this.#isRequestComplete = true;
    this.#bytesBefore = this.socket.bytesRead;
  }

  /** Drops a client that sends too much behind a request that is not answered yet. */
  checkBacklog(): void {
    if (this.#turns.length < 2 && this.#fault === undefined) return;
    const { maxPipelinedBytes, maxPipelinedRequests } = this.#environment.limits;
    const isOver =
      this.socket.bytesRead - this.#bytesBefore > maxPipelinedBytes || this.#turns.length - 1 > maxPipelinedRequests;
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
    if (this.#turns[0] !== turn || this.#isClosing) return;
    this.#turns.shift();
    const next = this.#turns[0];
    // Not at once: this may be inside a call of the application that just sent its answer.
    if (next !== undefined) process.nextTick(() => this.#start(next));
    else if (this.#fault !== undefined) this.#refuseFault();
  }

  /** Takes a turn out without an answer: its request is read anew. */
  withdraw(turn: Turn): void {
    if (this.#turns[0] === turn) this.#turns.shift();
  }

  /** The client sent something that is no request. Answers before it go out first. */
  takeFault(status: number, rule: string, isHead: boolean): void {
    if (this.#isClosing) return;
    if (this.#fault !== undefined) {
      this.checkBacklog();
      return;
    }
    if (this.#turns.at(-1)?.breakOff({ status, rule }) === true) return;
    this.#report(rule);
    this.#fault = { status, isHead };
    if (this.#turns.length === 0) this.#refuseFault();
  }

  /** Writes what waits, then ends the connection. Nothing more is taken from it. */
  end(): void {
    this.#isClosing = true;
    endSocket(this.socket, this.#environment.limits);
  }

  /** Ends a connection that has no request in progress. One that has begun to send a request may finish it. */
  endIdle(): void {
    if (this.isIdle && this.socket.bytesRead === this.#bytesBefore) this.end();
  }

  /** Refuses the whole connection with a constant text. */
  refuse(status: number, isHead = false): void {
    this.socket.write(encodeConstantResponse(status, this.#environment, { isHead }));
    this.end();
  }

  /** Ends the connection at once. @param byStop - because the server stops and waits no longer */
  cut(byStop = false): void {
    this.#isClosing = true;
    this.#goneForAll(byStop);
    this.socket.destroy();
  }

  goAway(): void {
    this.#turns[0]?.goAway();
  }

  #start(turn: Turn): void {
    if (this.#isClosing || this.#turns[0] !== turn) return;
    this.#isRequestComplete = false;
    turn.start();
  }

  #refuseFault(): void {
    if (this.#fault !== undefined) this.refuse(this.#fault.status, this.#fault.isHead);
  }

  #ended(): void {
    this.#hasEnded = true;
    const current = this.#turns[0];
    // What waits behind it is never started: its sender will not be there for the answer.
    this.#turns.length = Math.min(this.#turns.length, 1);
    current?.clientEnded();
  }

  #closed(): void {
    this.#isClosing = true;
    this.#goneForAll(false);
    this.#whenClosed(this);
  }

  #goneForAll(byStop: boolean): void {
    for (const turn of this.#turns.splice(0)) turn.connectionGone(byStop);
  }

  #report(rule: string): void {
    this.#environment.report(new ChannelErrorOf("PEER_FAULT", { rule, remoteAddress: this.remoteAddress }));
  }
}

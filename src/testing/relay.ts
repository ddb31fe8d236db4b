import type { Socket } from "node:net";
import { Conversation } from "./conversation.ts";
import { endSocket } from "./end-socket.ts";
import type { ProxyEvent } from "./event-log.ts";
import type { Exchange } from "./exchange.ts";
import type { CutMode } from "./fault.ts";
import type { HttpScanner } from "./http-scanner.ts";
import { Lane } from "./lane.ts";
import type { Link, LinkContext } from "./link.ts";
import { connectTo } from "./send-again.ts";

/** One connection of a client, and the one to the server that belongs to it. */
export class Relay implements Link {
  readonly context: LinkContext;
  readonly number: number;
  readonly toServer: Lane;
  readonly toClient: Lane;
  /** Resolves when both connections are gone. */
  readonly closed: Promise<void>;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #conversation: Conversation;
  #isOver = false;
  #thawTimer: NodeJS.Timeout | undefined;

  constructor(context: LinkContext, number: number, client: Socket) {
    this.context = context;
    this.number = number;
    this.#client = client;
    this.#server = connectTo(context.target);
    this.toServer = new Lane("to-server", client, this.#server);
    this.toClient = new Lane("to-client", this.#server, client);
    this.#conversation = new Conversation(this);
    this.#watch("client", client, this.toServer, this.#conversation.requests);
    this.#watch("server", this.#server, this.toClient, this.#conversation.responses);
    const gone = [client, this.#server].map((socket) => new Promise((resolve) => socket.once("close", resolve)));
    this.closed = Promise.all(gone).then(() => this.#finish());
    this.note("connect", `from port ${client.remotePort ?? 0}`);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  note(what: ProxyEvent["what"], detail: string, exchange?: Exchange): void {
    const request = exchange === undefined ? {} : { request: exchange.number };
    this.context.log.add(what, detail, { connection: this.number, ...request });
  }

  /** Lets go what former faults keep back, and applies the plan that is in force to the exchanges under way. */
  setFaults(): void {
    if (this.#isOver) return;
    this.#conversation.setFaults();
    this.toServer.hurry();
    this.toClient.hurry();
  }

  freeze(forMs?: number): void {
    this.toServer.stop();
    this.toClient.stop();
    clearTimeout(this.#thawTimer);
    if (forMs !== undefined) this.#thawTimer = setTimeout(() => this.#thaw(), forMs);
  }

  cut(how: CutMode, howServer: CutMode = how): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.toServer.discard();
    this.toClient.discard();
    endSocket(this.#client, how);
    endSocket(this.#server, howServer);
  }

  #thaw(): void {
    if (this.#isOver) return;
    this.note("strike", "half-open is over: all goes on");
    this.toServer.start();
    this.toClient.start();
  }

  #watch(side: "client" | "server", socket: Socket, lane: Lane, scanner: HttpScanner): void {
    const end = (how: CutMode): void => {
      if (this.#isOver || lane.hasEnded) return;
      scanner.end();
      lane.end(how);
      // Nothing would tell either side any more, and nobody is left to be told.
      if (lane.isStopped && this.toServer.hasEnded && this.toClient.hasEnded) this.cut("reset");
    };
    socket.on("error", (error) => {
      if (!this.#isOver) this.note("error", `${side}: ${error.message}`);
      end("reset");
    });
    socket.on("data", (bytes) => {
      if (!this.#isOver) scanner.write(bytes);
    });
    socket.on("end", () => end("fin"));
  }

  #finish(): void {
    this.#isOver = true;
    clearTimeout(this.#thawTimer);
    this.toServer.discard();
    this.toClient.discard();
    this.#conversation.discard();
    this.note("close", "both sides are closed");
  }
}

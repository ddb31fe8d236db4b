import type { IncomingMessage, ServerResponse } from "node:http";
import { ChannelErrorOf } from "../channel/errors.ts";
import { constantResponse } from "../http/constant-response.ts";
import { Exchange } from "../http/exchange.ts";
import { HttpChannel } from "../http/http-channel.ts";
import { checkRequestHead, type RequestFault } from "../http/request-rules.ts";
import { respond } from "../http/respond.ts";
import { asksForWebSocket, checkHandshake, isRefusal } from "../websocket/handshake.ts";
import type { Connection, Turn } from "./connection.ts";
import { dispatch } from "./dispatch.ts";
import { channelResponse, closeOpening, registerOpening, runUse, type UseChannel } from "./opening.ts";
import { presetFields, shield } from "./node-response.ts";
import { RequestIntake } from "./request-intake.ts";
import type { ServerState } from "./server-state.ts";
import { createStandardRequest } from "./standard-request.ts";

type Arrival = {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  /** What the Expect field asks for. */
  readonly expects: "nothing" | "continue" | "unknown";
};

/**
 * One plain request: its body is read as it arrives, its handler runs when its turn has come and it is whole, and its
 * answer is written by the handler's response or by the channel, never by both.
 */
export class HttpTurn implements Turn {
  readonly #state: ServerState;
  readonly #connection: Connection;
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #expects: Arrival["expects"];
  #intake: RequestIntake | undefined;
  #isRunning = false;
  #isAnsweredElsewhere = false;
  #endPending: (() => void) | undefined;
  #exchange: Exchange | undefined;
  #request: Request | undefined;
  #channel: HttpChannel | undefined;
  /** The response that stands for the channel. */
  #placeholder: Response | undefined;

  constructor(state: ServerState, connection: Connection, { message, response, expects }: Arrival) {
    this.#state = state;
    this.#connection = connection;
    this.#message = message;
    this.#response = response;
    this.#expects = expects;
  }

  /** Looks at the head, begins to read the body, and stands in line. */
  arrive(): void {
    const message = this.#message;
    // A client that goes away in the middle of a body makes both of them fail; the connection notices by itself.
    message.on("error", ignore);
    this.#response.on("error", ignore);
    // Middleware before a mounted handler may have answered already.
    if (this.#connection.isClosing || this.#response.headersSent) {
      message.resume();
      return;
    }
    if (this.#state.isMounted) this.#watchOthers();
    const { limits } = this.#state.environment;
    const fault = this.#state.refusal() ?? checkRequestHead(message, limits) ?? this.#checkExpectations();
    this.#intake = new RequestIntake(message, fault, {
      maxBodyBytes: limits.maxBodyBytes,
      listener: {
        piece: () => {
          if (!this.#isRunning) this.#connection.checkBacklog();
        },
        settled: () => this.#proceed(),
      },
    });
    this.#connection.enqueue(this);
  }

  start(): void {
    // On a server that others answer on, too, an answer before this one may still be on its way.
    if (this.#response.socket === null) {
      this.#response.once("socket", () => process.nextTick(() => this.start()));
      return;
    }
    this.#isRunning = true;
    // Not at once: what came in the same piece as the head is not counted yet.
    if (this.#expects === "continue") setImmediate(() => this.#askForBody());
    this.#proceed();
  }

  breakOff(fault: RequestFault): boolean {
    return this.#intake?.breakOff(fault) === true;
  }

  clientEnded(): void {
    // A handler that still runs gets to answer: a client may send its request, then FIN, then read. But a channel or a
    // stream that has begun has no other sign that its client is gone.
    const isWaitedFor = this.#channel === undefined && this.#exchange?.isAnswered !== true;
    if (isWaitedFor || this.#isFinished) return;
    this.#channel?.clientLeft();
    this.#connection.cut();
  }

  connectionGone(byStop: boolean): void {
    this.#endPending?.();
    if (this.#isFinished) return;
    this.#exchange?.abandon();
    if (byStop) this.#channel?.serverStopped();
    else this.#channel?.clientLeft();
  }

  goAway(): void {
    this.#channel?.goAway();
  }

  /** Whether the client and the server both go on. */
  get #mayPersist(): boolean {
    return this.#state.status === "running" && !this.#connection.hasEnded;
  }

  get #isFinished(): boolean {
    return this.#isAnsweredElsewhere || this.#exchange?.isFinished === true;
  }

  #checkExpectations(): RequestFault | undefined {
    if (this.#expects === "unknown") return { status: 417, rule: "an unknown Expect field" };
    if (!asksForWebSocket(this.#message.headers)) return undefined;
    // The Connection field did not ask for an upgrade, or Node would not have brought it here.
    const result = checkHandshake(this.#message);
    return isRefusal(result) ? result : { status: 400, rule: "the Connection field lacks upgrade" };
  }

  /** A time limit of the framework, or its error handler, may answer while the handler runs or its channel is parked. */
  #watchOthers(): void {
    const response = this.#response;
    // Within their call of `end`, so that nothing can be written behind it. Behind an own answer there is no such call.
    response.once("prefinish", () => {
      this.#isAnsweredElsewhere = true;
      this.#endPending?.();
      this.#exchange?.abandon();
      this.#channel?.supersede();
      response.once("finish", () => this.#makeRoom(true));
    });
  }

  #begins(): boolean {
    if (!this.#state.isMounted) return true;
    if (this.#response.headersSent) return false;
    // What others write from now on would get into the middle of this response.
    shield(this.#response);
    return true;
  }

  #askForBody(): void {
    if (this.#intake?.isAwaited !== true || this.#connection.isClosing) return;
    this.#connection.socket.write("HTTP/1.1 100 Continue\r\n\r\n");
  }

  #proceed(): void {
    if (!this.#isRunning || this.#isAnsweredElsewhere) return;
    if (this.#exchange !== undefined || this.#connection.isClosing) return;
    const intake = this.#intake;
    if (intake?.fault !== undefined) this.#refuse(intake.fault);
    else if (intake?.isWhole === true) this.#run(intake.takeBody());
  }

  #openExchange(): Exchange {
    const { httpVersionMinor, method = "GET" } = this.#message;
    const exchange = new Exchange(
      { method, minorVersion: httpVersionMinor, keepsAlive: this.#response.shouldKeepAlive },
      this.#connection.socket,
      {
        environment: this.#state.environment,
        mayPersist: () => this.#mayPersist && this.#intake?.fault === undefined,
        listener: { begins: () => this.#begins(), finished: (isPersistent) => this.#finished(isPersistent) },
        // Nobody else has had a response of a server of our own in hand.
        presetFields: this.#state.isMounted ? presetFields(this.#response) : [],
      },
    );
    this.#exchange = exchange;
    return exchange;
  }

  #refuse({ status, rule, fields }: RequestFault): void {
    const { remoteAddress } = this.#connection;
    this.#state.environment.report(new ChannelErrorOf("PEER_FAULT", { rule, remoteAddress }));
    constantResponse(this.#openExchange(), status, fields);
  }

  #run(body: Buffer | undefined): void {
    this.#connection.requestIsComplete();
    const exchange = this.#openExchange();
    const { settings } = this.#state;
    this.#endPending = this.#state.beginPending();
    if (this.#endPending === undefined) {
      constantResponse(exchange, 503, [["Retry-After", "1"]]);
      return;
    }
    const request = createStandardRequest(this.#message, {
      response: this.#response,
      trustedHops: settings.trustedHops,
      ...(body === undefined ? {} : { body }),
    });
    this.#request = request;
    registerOpening(request, { take: (use) => this.#take(use, request, exchange) });
    dispatch(settings, request, {
      answered: (response) => this.#answered(response),
      failed: () => this.#failed(),
    });
  }

  #take(use: UseChannel, request: Request, exchange: Exchange): Response {
    const { environment } = this.#state;
    const channel = new HttpChannel(request, exchange, environment);
    this.#channel = channel;
    this.#endPending?.();
    // Whoever answers late learns here that the client has left, as with a channel that was open at first.
    if (this.#connection.isClosing) channel.clientLeft();
    else if (exchange.isFinished) channel.supersede();
    runUse(use, channel);
    this.#placeholder = channelResponse();
    return this.#placeholder;
  }

  #answered(response: Response): void {
    this.#endPending?.();
    const exchange = this.#exchange;
    const channel = this.#channel;
    if (exchange === undefined) return;
    if (channel !== undefined && response === this.#placeholder) {
      this.#parked(channel);
      return;
    }
    if (this.#request !== undefined) closeOpening(this.#request);
    if (channel !== undefined) {
      this.#state.environment.report(new ChannelErrorOf("ANSWERED_TWICE", { channelId: channel.id }));
      channel.supersede();
    }
    // A rejection is not possible: whatever fails in there is answered and reported in there.
    void respond(exchange, response, this.#state.environment);
  }

  #parked(channel: HttpChannel): void {
    if (!channel.isOpen) return;
    if (this.#connection.hasEnded) this.clientEnded();
    else if (this.#state.isDismissing) channel.goAway();
  }

  #failed(): void {
    this.#endPending?.();
    if (this.#request !== undefined) closeOpening(this.#request);
    if (this.#channel !== undefined) this.#channel.fail();
    else if (this.#exchange !== undefined) constantResponse(this.#exchange, 500);
  }

  #finished(isPersistent: boolean): void {
    const { socket } = this.#connection;
    if (!isPersistent || !socket.writableNeedDrain) {
      this.#makeWay(isPersistent);
      return;
    }
    // A client that does not read its answers gets no more of them: they would pile up in memory. And the last one is
    // not kept for ever: it may take its time, as long as the client takes any of it.
    const destroy = (): void => void socket.destroy();
    socket.setTimeout(this.#state.environment.limits.idleTimeoutMs, destroy);
    socket.once("drain", () => {
      socket.setTimeout(0, destroy);
      this.#makeWay(true);
    });
  }

  /** Lets the next request have its turn, if there may be one. */
  #makeWay(isPersistent: boolean): void {
    const response = this.#response;
    // Node learns that the response is complete from this event alone: it then lets the next response have the socket,
    // and does not take the end of the connection for that of a request in progress.
    response.finished = true;
    response.emit("finish");
    this.#makeRoom(isPersistent);
  }

  #makeRoom(isPersistent: boolean): void {
    if (isPersistent && this.#mayPersist) this.#connection.done(this);
    else this.#connection.end();
  }
}

function ignore(): void {
  // Noticed by the connection, which sees the same fault as its own end.
}

import type { Environment } from "../channel/environment.ts";
import { ChannelErrorOf } from "../channel/errors.ts";
import { constantResponse } from "../http/constant-response.ts";
import { Exchange, type ExchangeOwner } from "../http/exchange.ts";
import type { HttpChannel } from "../http/http-channel.ts";
import type { RequestFault } from "../http/request-rules.ts";
import { respond } from "../http/respond.ts";
import { asksForWebSocket, type HandshakeOptions, refuseAsRequest } from "../websocket/handshake.ts";
import { type ChannelKit, plainChannels } from "./channel-kit.ts";
import type { Connection, Turn } from "./connection.ts";
import { dispatch, type DispatchListener } from "./dispatch.ts";
import type { NodeExchange, OthersListener } from "./node-exchange.ts";
import { channelResponse, runUse } from "./opening.ts";
import { type AllowedOrigins, isOriginAllowed } from "./origin.ts";
import { type IntakeListener, RequestIntake } from "./request-intake.ts";
import { type Opening, ServedRequest, type UseChannel } from "./served-request.ts";
import type { ServerState } from "./server-state.ts";
import { whenRead } from "./when-read.ts";

/** What the Expect field of a request asks for. */
export type Expectation = "nothing" | "continue" | "unknown";

/**
 * One plain request: its body is read as it arrives, its handler runs when its turn has come and it is whole, and its
 * answer is written by the handler's response or by the channel, never by both.
 *
 * Everything that has a part in it reports to the turn itself and not to functions made for it: there is one for each
 * request, and one stays for each poll that is parked.
 */
export class HttpTurn implements Turn, IntakeListener, DispatchListener, ExchangeOwner, Opening, OthersListener {
  readonly #state: ServerState;
  readonly #connection: Connection;
  readonly #node: NodeExchange;
  readonly #expects: Expectation;
  /** Undefined when its channel is parked. */
  #intake: RequestIntake | undefined;
  #isRunning = false;
  #isPending = false;
  #isAnsweredElsewhere = false;
  /** The client has its whole answer, as far as this side can know. */
  #isComplete = false;
  exchange: Exchange | undefined;
  #request: ServedRequest | undefined;
  #channel: HttpChannel | undefined;
  placeholder: Response | undefined;

  constructor(state: ServerState, connection: Connection, node: NodeExchange, expects: Expectation) {
    this.#state = state;
    this.#connection = connection;
    this.#node = node;
    this.#expects = expects;
  }

  /** Looks at the head, begins to read the body, and stands in line. */
  arrive(): void {
    const { message } = this.#node;
    // Middleware before a mounted handler may have answered already.
    if (this.#connection.isClosing || !this.#node.join(this)) {
      message.resume();
      return;
    }
    const { limits } = this.#state.environment;
    const fault = this.#state.checkHead(message) ?? this.#checkExpectations();
    this.#intake = new RequestIntake(message, fault, limits.maxBodyBytes, this);
    this.#connection.enqueue(this);
  }

  start(): void {
    if (this.#node.isConcluded) {
      // It was given to two listeners, and the other one has answered.
      this.#makeRoom(true);
      return;
    }
    if (!this.#node.isFirst) {
      this.#node.whenFirst(() => this.start());
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
    const isWaitedFor = this.#channel === undefined && this.exchange?.isAnswered !== true;
    if (!isWaitedFor && !this.#isFinished) this.#connection.cut();
  }

  connectionGone(byStop: boolean): void {
    this.#endPending();
    if (!this.#isFinished) {
      this.exchange?.abandon();
      if (byStop) this.#channel?.serverStopped();
      else this.#channel?.clientLeft();
    }
    if (!this.#isComplete) this.#node.abort();
  }

  get channel(): HttpChannel | undefined {
    return this.#channel;
  }

  goAway(): void {
    this.#channel?.goAway();
  }

  piece(): void {
    if (!this.#isRunning) this.#connection.checkBacklog();
  }

  settled(): void {
    this.#proceed();
  }

  /** Whether the client and the server both go on. */
  mayPersist(): boolean {
    return this.#mayGoOn && this.#intake?.fault === undefined;
  }

  get #mayGoOn(): boolean {
    return this.#state.status === "running" && !this.#connection.hasEnded;
  }

  get #isFinished(): boolean {
    return this.#isAnsweredElsewhere || this.exchange?.isFinished === true;
  }

  #checkExpectations(): RequestFault | undefined {
    if (this.#expects === "unknown") return { status: 417, rule: "an unknown Expect field" };
    if (!asksForWebSocket(this.#node.message.headers)) return undefined;
    return refuseAsRequest(this.#node.message);
  }

  begins(): boolean {
    return this.#node.begins();
  }

  answeredElsewhere(): void {
    this.#isAnsweredElsewhere = true;
    this.#endPending();
    this.exchange?.abandon();
    this.#channel?.supersede();
  }

  completedElsewhere(): void {
    this.#makeRoom(true);
  }

  #askForBody(): void {
    if (this.#intake?.isAwaited !== true || this.#connection.isClosing) return;
    this.#connection.socket.write("HTTP/1.1 100 Continue\r\n\r\n");
  }

  #proceed(): void {
    if (!this.#isRunning || this.#isAnsweredElsewhere) return;
    if (this.exchange !== undefined || this.#connection.isClosing) return;
    const intake = this.#intake;
    if (intake?.fault !== undefined) this.#refuse(intake.fault);
    else if (intake?.isWhole === true) this.#run(intake.takeBody());
  }

  #openExchange(): Exchange {
    const { keepsAlive, message, presetFields } = this.#node;
    const { socket } = this.#connection;
    const { environment } = this.#state;
    this.exchange = new Exchange(this, message, { socket, environment, keepsAlive, presetFields });
    return this.exchange;
  }

  #refuse({ status, rule, fields }: RequestFault): void {
    const { remoteAddress } = this.#connection;
    this.#state.environment.report(new ChannelErrorOf("PEER_FAULT", { rule, remoteAddress }));
    constantResponse(this.#openExchange(), status, fields);
  }

  #run(body: Buffer | undefined): void {
    this.#connection.requestIsComplete();
    const exchange = this.#openExchange();
    if (!this.#state.beginPending()) {
      constantResponse(exchange, 503, [["Retry-After", "1"]]);
      return;
    }
    this.#isPending = true;
    this.#node.keepBody(body);
    const { settings } = this.#state;
    const request = new ServedRequest(this.#node.message, {
      remoteAddress: this.#connection.remoteAddress,
      trustedHops: settings.trustedHops,
      opening: this,
      response: this.#node.sharedResponse,
    });
    this.#request = request;
    dispatch(settings, request, this);
  }

  get environment(): Environment {
    return this.#state.environment;
  }

  get offeredProtocols(): undefined {
    return undefined;
  }

  get allowedOrigins(): AllowedOrigins {
    return this.#state.settings.allowedOrigins;
  }

  get isOriginAllowed(): boolean {
    return isOriginAllowed(this.#node.message, this.allowedOrigins, this.#state.settings.trustedHops);
  }

  take(use: UseChannel, _options: HandshakeOptions, kit: ChannelKit = plainChannels): Response {
    const request = this.#request;
    const exchange = this.exchange;
    const placeholder = channelResponse();
    // Neither can be: the request that this was taken from was made after both.
    if (request === undefined || exchange === undefined) return placeholder;
    const channel = kit.http(request, exchange, this.#state.environment);
    this.#channel = channel;
    this.#endPending();
    // Whoever answers late learns here that the client has left, as with a channel that was open at first.
    if (this.#connection.isClosing) channel.clientLeft();
    else if (exchange.isFinished) channel.supersede();
    runUse(use, channel);
    this.placeholder = placeholder;
    return placeholder;
  }

  answered(response: Response): void {
    this.#endPending();
    const exchange = this.exchange;
    const channel = this.#channel;
    if (exchange === undefined) return;
    if (channel !== undefined && response === this.placeholder) {
      this.#parked(channel);
      return;
    }
    this.#closeOpening();
    if (channel !== undefined) {
      this.#state.environment.report(new ChannelErrorOf("ANSWERED_TWICE", { channelId: channel.id }));
      channel.supersede();
    }
    // A rejection is not possible: whatever fails in there is answered and reported in there.
    void respond(exchange, response, this.#state.environment);
  }

  #parked(channel: HttpChannel): void {
    this.placeholder = undefined;
    if (!channel.isOpen) return;
    if (this.#connection.hasEnded) this.clientEnded();
    else if (this.#state.isDismissing) channel.goAway();
    else {
      this.#intake = undefined;
      this.#node.release();
      this.#connection.park();
    }
  }

  failed(): void {
    this.#endPending();
    this.#closeOpening();
    if (this.#channel !== undefined) this.#channel.fail();
    else if (this.exchange !== undefined) constantResponse(this.exchange, 500);
  }

  finished(isPersistent: boolean): void {
    if (!isPersistent) this.#makeWay(false);
    else whenRead(this.#connection.socket, this.#state.environment.limits.idleTimeoutMs, () => this.#makeWay(true));
  }

  /** Lets the next request have its turn, if there may be one. */
  #makeWay(isPersistent: boolean): void {
    this.#isComplete = true;
    this.#node.conclude();
    this.#makeRoom(isPersistent);
  }

  #makeRoom(isPersistent: boolean): void {
    if (isPersistent && this.#mayGoOn) this.#connection.done(this);
    else this.#connection.end();
  }

  #closeOpening(): void {
    if (this.#request !== undefined) ServedRequest.takeOpening(this.#request);
  }

  #endPending(): void {
    if (this.#isPending) this.#state.endPending();
    this.#isPending = false;
  }
}

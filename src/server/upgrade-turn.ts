import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Environment } from "../channel/environment.ts";
import { ChannelErrorOf } from "../channel/errors.ts";
import { constantResponse } from "../http/constant-response.ts";
import { Exchange, type ExchangeOwner } from "../http/exchange.ts";
import type { RequestFault } from "../http/request-rules.ts";
import { respond } from "../http/respond.ts";
import {
  asksForWebSocket,
  checkHandshake,
  encodeSwitchingProtocols,
  type Handshake,
  type HandshakeOptions,
} from "../websocket/handshake.ts";
import type { WebSocketChannel } from "../websocket/websocket-channel.ts";
import { type ChannelKit, plainChannels } from "./channel-kit.ts";
import type { Connection, Turn } from "./connection.ts";
import { dispatch, type DispatchListener } from "./dispatch.ts";
import { LightRequest } from "./light-messages.ts";
import { channelResponse, runUse } from "./opening.ts";
import { type AllowedOrigins, isOriginAllowed } from "./origin.ts";
import { type Opening, ServedRequest, type UseChannel } from "./served-request.ts";
import type { ServerState } from "./server-state.ts";
import { serveWithoutUpgrade } from "./serve-without-upgrade.ts";
import { WebSocketTurn } from "./websocket-turn.ts";

/** Node's own mark for the response that is being written to a socket. */
type NodeSocket = Socket & { readonly _httpMessage?: ServerResponse | null };

type Arrival = { readonly message: IncomingMessage; readonly head: Buffer };

/**
 * One request to switch to WebSocket: it waits for the answers before it, is checked, goes through the same handler as
 * every other request, and ends in a 101 or in an ordinary response that closes the connection.
 */
export class UpgradeTurn implements Turn, DispatchListener, ExchangeOwner, Opening {
  readonly #state: ServerState;
  readonly #connection: Connection;
  readonly #message: IncomingMessage;
  readonly #socket: Socket;
  /** What came behind the request, until somebody reads it. */
  #early: Buffer[];
  #earlyBytes: number;
  #exchange: Exchange | undefined;
  #handshake: Handshake | undefined;
  #request: ServedRequest | undefined;
  #channel: WebSocketChannel | undefined;
  placeholder: Response | undefined;
  #responseHead: Buffer | undefined;
  #isUseDone = false;
  #hasSwitched = false;
  #isPending = false;

  constructor(state: ServerState, connection: Connection, { message, head }: Arrival) {
    this.#state = state;
    this.#connection = connection;
    this.#message = message;
    this.#socket = connection.socket;
    this.#early = head.length > 0 ? [head] : [];
    this.#earlyBytes = head.length;
  }

  arrive(): void {
    // Node has let go of the socket.
    this.#socket.on("error", destroySocket);
    if (this.#connection.isClosing) return;
    // Read on, so that a client that leaves is noticed.
    this.#socket.on("data", this.#keep);
    this.#connection.enqueue(this);
  }

  start(): void {
    const message = this.#message;
    if (this.#connection.isClosing) return;
    const { _httpMessage: foreign }: NodeSocket = this.#socket;
    // On a server that others answer on, too, an answer before this one may still be on its way.
    if (foreign !== undefined && foreign !== null) {
      foreign.once("close", () => this.start());
      return;
    }
    // Node set a limit for the time between two requests when the answer before this one was complete.
    this.#socket.setTimeout(0);
    if (!asksForWebSocket(message.headers)) {
      this.#socket.off("data", this.#keep);
      this.#socket.off("error", destroySocket);
      this.#connection.withdraw(this);
      serveWithoutUpgrade(message, this.#socket, Buffer.concat(this.#early));
      return;
    }
    this.#connection.requestIsComplete();
    const { settings } = this.#state;
    const compresses = settings.deflater !== undefined;
    const result = this.#state.checkHead(message) ?? checkHandshake(message, compresses);
    if ("rule" in result) this.#refuse(result);
    else if (!isOriginAllowed(message, settings.allowedOrigins, settings.trustedHops)) {
      this.#refuse({ status: 403, rule: "its page has a foreign origin" });
    } else this.#run(result);
  }

  /** Node parses nothing behind an upgrade. */
  breakOff(): boolean {
    return false;
  }

  clientEnded(): void {
    // What the client sends after its FIN, nothing, changes nothing for a handler that still runs.
  }

  connectionGone(byStop: boolean): void {
    this.#endPending();
    this.#exchange?.abandon();
    if (byStop) this.#channel?.serverStopped();
    else this.#channel?.connectionLost();
  }

  /** It has the connection as soon as it is open. */
  get channel(): undefined {
    return undefined;
  }

  goAway(): void {
    // It gets its last words as soon as it is open.
  }

  begins(): boolean {
    return true;
  }

  /** A response that refuses the upgrade always closes the connection. */
  mayPersist(): boolean {
    return false;
  }

  finished(): void {
    this.#dropEarly();
    this.#connection.end();
  }

  readonly #keep = (chunk: Buffer): void => {
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes > this.#state.environment.limits.maxPipelinedBytes) this.#connection.cut();
  };

  #refuse({ status, rule, fields }: RequestFault): void {
    const { remoteAddress } = this.#connection;
    this.#state.environment.report(new ChannelErrorOf("PEER_FAULT", { rule, remoteAddress }));
    constantResponse(this.#openExchange(), status, fields);
  }

  #openExchange(): Exchange {
    const { environment } = this.#state;
    this.#exchange = new Exchange(this, this.#message, { socket: this.#socket, environment, keepsAlive: false });
    return this.#exchange;
  }

  #run(handshake: Handshake): void {
    const { settings } = this.#state;
    if (!this.#state.beginPending()) {
      constantResponse(this.#openExchange(), 503, [["Retry-After", "1"]]);
      return;
    }
    this.#isPending = true;
    this.#handshake = handshake;
    const { remoteAddress } = this.#connection;
    const { trustedHops } = settings;
    const request = new ServedRequest(this.#message, { remoteAddress, trustedHops, opening: this });
    this.#request = request;
    dispatch(settings, request, this);
  }

  get environment(): Environment {
    return this.#state.environment;
  }

  get offeredProtocols(): readonly string[] {
    return this.#handshake?.protocols ?? [];
  }

  get allowedOrigins(): AllowedOrigins {
    return this.#state.settings.allowedOrigins;
  }

  /** It would not have come to a handler. */
  get isOriginAllowed(): true {
    return true;
  }

  take(use: UseChannel, options: HandshakeOptions, kit: ChannelKit = plainChannels): Response {
    const request = this.#request;
    const handshake = this.#handshake;
    const placeholder = channelResponse();
    // Neither can be: the request that this was taken from was made after both.
    if (request === undefined || handshake === undefined) return placeholder;
    this.#responseHead = encodeSwitchingProtocols(handshake, options);
    const { webSocketOptions, compressingOptions } = this.#state;
    const channelOptions = handshake.compression === undefined ? webSocketOptions : compressingOptions;
    const channel = kit.webSocket(request, this.#socket, channelOptions);
    this.#channel = channel;
    this.#endPending();
    // Whoever answers late learns here that the client has left, as with a channel that was open at first.
    if (this.#connection.isClosing) channel.connectionLost();
    runUse(use, channel, () => this.#useIsDone());
    this.placeholder = placeholder;
    return placeholder;
  }

  #useIsDone(): void {
    this.#isUseDone = true;
    if (this.#hasSwitched) this.#channel?.startReceiving();
  }

  answered(response: Response): void {
    this.#endPending();
    const { isClosing } = this.#connection;
    const channel = this.#channel;
    if (channel !== undefined && response === this.placeholder && this.#responseHead !== undefined) {
      if (!isClosing) this.#switch(channel, this.#responseHead);
      return;
    }
    if (this.#request !== undefined) ServedRequest.takeOpening(this.#request);
    if (channel !== undefined) {
      this.#state.environment.report(new ChannelErrorOf("ANSWERED_TWICE", { channelId: channel.id }));
      channel.refuse();
    }
    const exchange = this.#openExchange();
    if (isClosing) exchange.abandon();
    // A rejection is not possible: whatever fails in there is answered and reported in there.
    void respond(exchange, response, this.#state.environment);
  }

  #switch(channel: WebSocketChannel, head: Buffer): void {
    this.#hasSwitched = true;
    const early = this.#early;
    this.#dropEarly();
    this.#connection.replace(this, new WebSocketTurn(channel));
    if (this.#message instanceof LightRequest) this.#message.compact();
    if (this.#isUseDone) channel.startReceiving();
    channel.start(head, early);
    if (this.#connection.hasEnded) channel.connectionEnded();
    else if (this.#state.isDismissing) channel.goAway();
  }

  failed(): void {
    this.#endPending();
    if (this.#request !== undefined) ServedRequest.takeOpening(this.#request);
    this.#channel?.refuse();
    if (!this.#connection.isClosing) constantResponse(this.#openExchange(), 500);
  }

  #endPending(): void {
    if (this.#isPending) this.#state.endPending();
    this.#isPending = false;
  }

  #dropEarly(): void {
    this.#socket.off("data", this.#keep);
    this.#early = [];
    this.#earlyBytes = 0;
  }
}

/** The close that follows tells all there is to tell. */
function destroySocket(this: Socket): void {
  this.destroy();
}

import { callHandler } from "./call-handler.ts";
import type { Channel, CloseHandler, PingHandler, ReceiveHandler, SendOptions } from "./channel.ts";
import type { ChannelKind } from "./channel-kind.ts";
import { checkClose } from "./check-close.ts";
import { checkSendOptions } from "./check-send-options.ts";
import type { Data } from "./data.ts";
import {
  type DepartureListener,
  type DepartureListeners,
  removeListener,
  withListener,
} from "./departure-listeners.ts";
import type { Environment } from "./environment.ts";
import { ChannelErrorOf, type HandlerName } from "./errors.ts";
import type { Mailbox } from "./mailbox.ts";
import { lookAt } from "./look-at.ts";
import type { Movable } from "./movable.ts";
import type { Output } from "./output.ts";
import { normalise, type Outgoing, sourceOf } from "./outgoing.ts";
import type { Payload } from "./payload.ts";
import { type QueuedSend, queuedSend, queuedShared } from "./queued-send.ts";
import { setOnce } from "./set-once.ts";
import { discard } from "./source.ts";
import type { ClosedWith } from "./status.ts";
import { StreamBodyQueue } from "./stream-body.ts";

let channelCount = 0;

/**
 * The life of a channel, whatever carries it: handlers set once, closed once, the close handler once and last.
 *
 * A transport extends it with `transmit` and `end`, and tells it what the peer does.
 */
export abstract class BaseChannel implements Channel {
  readonly request: Request;
  readonly environment: Environment;
  readonly #number: number = ++channelCount;
  /** False as soon as the end is certain, which may be before the last bytes of a stream have left. */
  #isOpen = true;
  #closed: ClosedWith | undefined;
  #isAnnounced = false;
  #closeHandler: CloseHandler | undefined;
  #receiveHandler: ReceiveHandler | undefined;
  #pingHandler: PingHandler | undefined;
  #departureListeners: DepartureListeners | undefined;
  #streams: StreamBodyQueue | undefined;

  constructor(request: Request, environment: Environment) {
    this.request = request;
    this.environment = environment;
  }

  /** Whether a value is a channel of this package itself: a proxy of one is none, and looks like one to `instanceof`. */
  static isOne(value: unknown): value is BaseChannel {
    return typeof value === "object" && value !== null && #isOpen in value;
  }

  abstract get kind(): ChannelKind;
  abstract get isWebSocket(): boolean;

  /** Throws for what this transport cannot send, before anything is written. */
  protected abstract check(outgoing: Outgoing): void;
  /** Sends what was checked; a stream only through {@link streams}. @returns false when it ran into the hard limit */
  protected abstract transmit(outgoing: Outgoing, close: boolean): boolean;
  /** Sends one message that is shared with other channels. */
  protected abstract transmitShared(payload: Payload, close: boolean): boolean;
  /** Ends the transport in good order and calls {@link finish}. */
  protected abstract end(code: number, reason: string): void;
  /** Ends the channel because the application failed: a handler threw before it was done, or a body broke off. */
  abstract fail(): void;
  /** More waits than may: ends the channel with the status `overflow`. */
  abstract overflow(): void;
  /** Messages on their way to the receive handler, where the transport has any. */
  protected abstract get mailbox(): Mailbox | undefined;
  /** Where the transport puts its bytes. */
  protected abstract get outbox(): Output;

  /** Whether a send closes the channel if it does not say. */
  get closesBySend(): boolean {
    return !this.isWebSocket;
  }

  get id(): string {
    return `channel-${this.#number.toString(36)}`;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** How the channel ended; undefined while it has not. */
  get closed(): ClosedWith | undefined {
    return this.#closed;
  }

  protected get receiveHandler(): ReceiveHandler | undefined {
    return this.#receiveHandler;
  }

  send(data: Data, options?: SendOptions): boolean {
    if (!this.#isOpen) {
      discard(sourceOf(data));
      return false;
    }
    const close = checkSendOptions(options) ?? this.closesBySend;
    const outgoing = typeof data === "string" ? normalise(data) : lookAt("data", data, () => normalise(data));
    if (outgoing.headers === undefined) this.check(outgoing);
    else lookAt("headers", outgoing.headers, () => this.check(outgoing));
    // What is given may close the channel when it is looked at, in a getter or `toString`.
    if (!this.#isOpen) {
      discard(outgoing.body);
      return false;
    }
    if (close) this.#isOpen = false;
    if (this.#streams?.isActive === true) return this.#queue(queuedSend(outgoing, this.transmit.bind(this), close));
    return this.transmit(outgoing, close);
  }

  /** Sends a message that many channels get. For stores: an application calls `send`. */
  sendShared(payload: Payload, close: boolean): boolean {
    if (!this.#isOpen) return false;
    if (close) this.#isOpen = false;
    // No closure here: it would cost each member of each broadcast an object.
    if (this.#streams?.isActive !== true) return this.transmitShared(payload, close);
    return this.#queue(queuedShared(payload, this.transmitShared.bind(this), close));
  }

  close(code = 1000, reason = ""): boolean {
    if (!this.#isOpen) return false;
    checkClose(code, reason);
    this.#isOpen = false;
    if (this.#streams?.isActive === true) this.#streams.stop(() => this.end(code, reason));
    else this.end(code, reason);
    return true;
  }

  get bufferedAmount(): number {
    return this.outbox.bufferedAmount + (this.#streams?.waitingBytes ?? 0);
  }

  /** Whether so much waits that an application should send no more. */
  get isBehind(): boolean {
    return this.bufferedAmount >= this.environment.limits.softBufferedBytes;
  }

  /** Keeps a message and ends what carries the channel, which is behind: there where the channel outlives that. */
  cutOff?(payload: Payload): void;

  drained(): Promise<void> {
    const { softBufferedBytes } = this.environment.limits;
    if (this.#closed !== undefined || this.bufferedAmount < softBufferedBytes) return Promise.resolve();
    return new Promise((resolve) => {
      const listener = { departed: resolve };
      this.onDeparture(listener);
      void this.#whenDrained().then(() => {
        this.offDeparture(listener);
        resolve();
      });
    });
  }

  async flushed(): Promise<void> {
    await this.#streams?.idle();
    await this.outbox.flushed();
  }

  onReceive(handler: ReceiveHandler): void {
    this.#receiveHandler = setOnce("onReceive", this.#receiveHandler !== undefined, handler);
    this.mailbox?.start(handler);
  }

  onPing(handler: PingHandler): void {
    this.#pingHandler = setOnce("onPing", this.#pingHandler !== undefined, handler);
  }

  onClose(handler: CloseHandler): void {
    this.#closeHandler = setOnce("onClose", this.#closeHandler !== undefined, handler);
    if (this.#isAnnounced) this.#callCloseHandler();
  }

  onDeparture(listener: DepartureListener): void {
    if (this.#closed !== undefined) listener.departed();
    else this.#departureListeners = withListener(this.#departureListeners, listener);
  }

  /** What it carries that can go on elsewhere. */
  get movable(): Movable | undefined {
    return undefined;
  }

  /** Takes back {@link onDeparture}. */
  offDeparture(listener: DepartureListener): void {
    removeListener(this.#departureListeners, listener);
  }

  /** What {@link onDeparture} was given. */
  get departureListeners(): DepartureListeners | undefined {
    return this.#departureListeners;
  }

  /** Where bodies wait that are read piece by piece, and everything sent behind them. */
  protected get streams(): StreamBodyQueue {
    return (this.#streams ??= new StreamBodyQueue(this, (cause) => {
      this.report(new ChannelErrorOf("BODY_FAILED", { channelId: this.id, reason: "its source failed" }, { cause }));
      this.fail();
    }));
  }

  /** Whether so many bytes more are within the hard limit. What stood in line behind a stream was counted before. */
  hasRoomFor(bytes: number): boolean {
    return this.#streams?.isReleasing === true || this.outbox.hasRoomFor(bytes);
  }

  /** No send and no close succeeds from here on. */
  protected shut(): void {
    this.#isOpen = false;
  }

  /**
   * The channel is over. The first call decides how.
   *
   * @param dropsQueued - whether messages that no handler has begun are dropped: true when this side closed
   */
  protected finish(closed: ClosedWith, dropsQueued: boolean): void {
    if (this.#closed !== undefined) return;
    this.#isOpen = false;
    this.#closed = closed;
    this.#streams?.cancel();
    const listeners = this.#departureListeners;
    this.#departureListeners = undefined;
    for (const listener of listeners?.values() ?? []) listener.departed();
    if (dropsQueued) this.mailbox?.clear();
    this.#announceWhenQuiet();
  }

  protected handlePing(data: Uint8Array): void {
    const handler = this.#pingHandler;
    if (handler !== undefined && this.#isOpen) callHandler(this, "onPing", () => handler(data));
  }

  /** Reports what a function of the application threw. */
  handlerFailed(handler: HandlerName, cause: unknown): void {
    this.report(new ChannelErrorOf("HANDLER_FAILED", { handler, channelId: this.id }, { cause }));
  }

  protected report(error: Parameters<Environment["report"]>[0]): void {
    this.environment.report(error);
  }

  /** Puts a send in line behind the stream that is read. @returns false when it ran into the hard limit */
  #queue(queued: QueuedSend): boolean {
    const { bytes, body } = queued;
    const { waitingBytes = 0, isCrowded = false } = this.#streams ?? {};
    if (isCrowded || (bytes > 0 && !this.outbox.hasRoomFor(bytes, waitingBytes))) {
      discard(body);
      this.overflow();
      return false;
    }
    this.#streams?.queue(queued);
    return true;
  }

  async #whenDrained(): Promise<void> {
    const waitingBytes = this.#streams?.waitingBytes ?? 0;
    if (waitingBytes > 0) await this.#streams?.idle();
    await this.outbox.drained();
  }

  /** Calls the close handler of a closed channel without waiting for receive handlers any longer. */
  protected announceNow(): void {
    if (this.#closed !== undefined) this.#announce();
  }

  #announceWhenQuiet(): void {
    const mailbox = this.mailbox;
    if (mailbox === undefined || mailbox.isQuiet) {
      this.#announce();
      return;
    }
    // A handler that never returns must not keep the end from the application.
    const timer = setTimeout(() => this.#announce(), this.environment.limits.closeGraceMs);
    mailbox.whenQuiet(() => {
      clearTimeout(timer);
      this.#announce();
    });
  }

  #announce(): void {
    if (this.#isAnnounced) return;
    this.#isAnnounced = true;
    this.mailbox?.clear();
    this.#callCloseHandler();
  }

  #callCloseHandler(): void {
    const [handler, closed] = [this.#closeHandler, this.#closed];
    if (handler !== undefined && closed !== undefined)
      callHandler(this, "onClose", () => handler(closed.status, closed.detail));
  }
}

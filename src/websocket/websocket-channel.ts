import type { Socket } from "node:net";
import { BaseChannel } from "../channel/base-channel.ts";
import type { ChannelKind } from "../channel/channel-kind.ts";
import { isStream, type StreamBody } from "../channel/data.ts";
import { ChannelErrorOf } from "../channel/errors.ts";
import { Mailbox, type MailboxListener } from "../channel/mailbox.ts";
import { Outbox } from "../channel/outbox.ts";
import type { Message } from "../channel/message.ts";
import type { Outgoing } from "../channel/outgoing.ts";
import type { Encoder, Payload } from "../channel/payload.ts";
import { closedHere, type ClosedWith, closedWith, statusOf } from "../channel/status.ts";
import { checkDropped } from "../http/head.ts";
import { appendFrame, appendMessage, type Room } from "./append-message.ts";
import { awaitClose } from "./await-close.ts";
import { encodeClose, encodePing, encodePong, frameOf } from "./frame.ts";
import { FrameReader } from "./frame-reader.ts";
import type { Watched } from "./heartbeat.ts";
import { InflatingReader } from "./inflating-reader.ts";
import { readSocket } from "./read-socket.ts";
import type { Pace, Reader } from "./reader.ts";
import type { ReceiverListener } from "./receiver.ts";
import { type Pause, StallWatch, watchedByOthers } from "./stall-watch.ts";
import type { WebSocketOptions } from "./websocket-options.ts";
import { streamMessage } from "./stream-message.ts";

/**
 * The channel over one WebSocket.
 *
 * Made before the 101 is written: until `start` it can be sent to, and all of it waits behind the head.
 */
export class WebSocketChannel extends BaseChannel implements Watched, MailboxListener, ReceiverListener, Pace, Room {
  lastHeardBeat = -1;
  pingedBeat = -1;
  dueBeat = -1;
  readonly #socket: Socket;
  readonly #options: WebSocketOptions;
  readonly #outbox: Outbox;
  readonly #reader: Reader;
  /** Made when it is needed: a WebSocket that carries a session has none. */
  #mailbox: Mailbox | undefined;
  /** There while reading is paused for a slow handler. */
  #pause: Pause | undefined;
  #hasStarted = false;
  #hasSentClose = false;
  #hasReceivedClose = false;
  #stopAwaiting: (() => void) | undefined;

  constructor(request: Request, socket: Socket, options: WebSocketOptions) {
    super(request, options.environment);
    this.#socket = socket;
    this.#options = options;
    const { limits } = options.environment;
    this.#outbox = new Outbox(socket, options.environment, true);
    this.#reader = new (options.deflater === undefined ? FrameReader : InflatingReader)(limits, this, this);
  }

  override get kind(): ChannelKind {
    return "websocket";
  }

  override get isWebSocket(): boolean {
    return true;
  }

  get isReadingPaused(): boolean {
    return this.#pause !== undefined;
  }

  /** Writes the 101, everything that was sent so far behind it, and begins to read. */
  start(head: Buffer, early: readonly Buffer[]): void {
    this.#hasStarted = true;
    this.#outbox.release(head);
    // Behind a Close frame nothing may be sent, a ping neither.
    if (this.closed === undefined) this.#options.heartbeat.watch(this);
    else this.#awaitClose();
    // First, because what is read now may fill the mailbox, which pauses.
    readSocket(this.#socket, this);
    for (const chunk of early) this.read(chunk);
  }

  /** The peer sends no more. After its Close frame that is as it should be. */
  connectionEnded(): void {
    this.#reader.end(() => {
      if (!this.#socket.writableEnded) this.connectionLost();
    });
  }

  /** From now on messages go to the receive handler, or are dropped if there is none: `use` is done. */
  startReceiving(): void {
    this.mailbox?.start(this.receiveHandler);
  }

  /** The upgrade was refused: nothing that was sent leaves. */
  refuse(): void {
    this.#outbox.clear();
    this.finish(closedHere(), true);
  }

  /** TCP ended. Without a Close frame that is `abnormal` (RFC 6455 §7.1.5). */
  connectionLost(): void {
    this.#outbox.clear();
    this.#finish(closedWith("abnormal", 1006, "", false), false);
    this.#stopTimers();
    this.#socket.destroy();
  }

  /** The server has stopped, and cuts what has not ended by itself. */
  serverStopped(): void {
    this.#finish(closedHere(1001), true);
    this.announceNow();
    this.connectionLost();
  }

  /** The last words when the server stops. */
  goAway(): void {
    if (!this.isOpen) return;
    this.shut();
    this.end(1001, "");
  }

  ping(): void {
    this.#outbox.append(encodePing());
  }

  override fail(): void {
    if (this.closed === undefined) this.closeWith(1011, closedHere(1011));
  }

  receivedMessage(message: Message): void {
    if (this.isOpen) this.mailbox?.deliver(message);
  }

  receivedPing(data: Buffer): void {
    if (!this.#hasSentClose && this.transmitFrames(encodePong(data))) this.handlePing(data);
  }

  receivedClose(code: number, reason: string): void {
    this.#hasReceivedClose = true;
    if (this.#hasSentClose) {
      this.#endSocket();
      return;
    }
    // RFC 6455 §5.5.1: the answer repeats the code. An empty frame is answered with an empty one.
    this.#sendClose(code === 1005 ? encodeClose() : encodeClose(code, reason));
    this.#finish(closedWith(statusOf(code), code, reason), false);
    this.#endSocket();
  }

  receivedViolation(code: number, rule: string): void {
    this.report(new ChannelErrorOf("PEER_FAULT", { rule, remoteAddress: this.#socket.remoteAddress ?? "" }));
    this.#hasReceivedClose = true;
    this.closeWith(code, closedWith(statusOf(code), code, "", false), false);
  }

  mailboxFull(mailbox: Mailbox): void {
    if (!this.isOpen) return;
    const { receiveStallTimeoutMs } = this.environment.limits;
    this.pauseReading(new StallWatch(mailbox, receiveStallTimeoutMs, () => this.overflow()));
  }

  mailboxHasRoom(): void {
    this.resumeReading();
  }

  /** What the client sends stays with the network. */
  pauseReading(pause: Pause = watchedByOthers): void {
    this.#pause = pause;
    this.adjustReading();
  }

  /** Takes {@link pauseReading} back. */
  resumeReading(): void {
    if (this.#pause === undefined) return;
    this.#pause = this.#pause.stop();
    this.#reader.resume();
    this.adjustReading();
  }

  /** Nobody else pauses or resumes the socket: each of those that may fall behind would undo what another did. */
  adjustReading(): void {
    // Whoever ends a socket reads what still comes, and throws it away.
    if (this.#socket.writableEnded) return;
    const isHeld = this.isReadingPaused || this.#reader.isBehind;
    if (isHeld) this.#socket.pause();
    else this.#socket.resume();
    // While nothing is read, nothing is heard: the peer must not be taken for dead.
    if (isHeld) this.#options.heartbeat.forget(this);
    else if (this.closed === undefined) this.#options.heartbeat.watch(this);
  }

  protected override get mailbox(): Mailbox | undefined {
    return (this.#mailbox ??= new Mailbox(this.environment.limits, this));
  }

  protected override get outbox(): Outbox {
    return this.#outbox;
  }

  override overflow(): void {
    this.closeWith(1013, closedWith("overflow", 1013, "", false));
  }

  protected override check({ headers }: Outgoing): void {
    checkDropped(headers);
  }

  protected override transmit({ body }: Outgoing, close: boolean): boolean {
    if (isStream(body)) {
      this.#transmitStream(body, close);
      return true;
    }
    if (body !== undefined && !this.transmitMessage(body)) return false;
    if (close) this.end(1000, "");
    return true;
  }

  protected override transmitShared(payload: Payload, close: boolean): boolean {
    if (!this.transmitFrames(payload.encodedBy(this.encoder))) return false;
    if (close) this.end(1000, "");
    return true;
  }

  protected override end(code: number, reason: string): void {
    this.closeWith(code, closedHere(code, reason));
  }

  /** How shared messages stand on this WebSocket. */
  protected get encoder(): Encoder {
    return this.#options.deflater?.frameOf ?? frameOf;
  }

  protected transmitMessage(message: Message): boolean {
    const hasRoom = appendMessage(this, this.#outbox, message, this.#options.deflater);
    if (!hasRoom) this.overflow();
    return hasRoom;
  }

  protected transmitFrames(frames: Buffer): boolean {
    const hasRoom = appendFrame(this, this.#outbox, frames);
    if (!hasRoom) this.overflow();
    return hasRoom;
  }

  #transmitStream(body: StreamBody, close: boolean): void {
    const sink = streamMessage(
      () => this.#outbox.flushed(),
      this.environment.limits,
      (message) => {
        if (this.transmitMessage(message) && close) this.end(1000, "");
      },
    );
    this.streams.pump(body, sink);
  }

  /** Takes what the socket has read. */
  read(chunk: Buffer): void {
    this.lastHeardBeat = this.#options.heartbeat.now;
    this.#reader.read(chunk);
  }

  protected closeWith(code: number, closed: ClosedWith, dropsQueued = true): void {
    this.shut();
    this.#sendClose(encodeClose(code, closed.detail.reason));
    this.#finish(closed, dropsQueued);
    if (this.#hasReceivedClose) this.#endSocket();
    else this.#awaitClose();
  }

  #sendClose(frame: Buffer): void {
    if (this.#hasSentClose) return;
    this.#hasSentClose = true;
    this.shut();
    this.#outbox.append(frame);
  }

  #awaitClose(): void {
    // A channel that was closed before its 101 waits for the answer from then on: the handler may take its time.
    if (!this.#hasStarted) return;
    // Reading may be paused for a slow handler. What comes now is for none, and our Close must get its answer.
    this.resumeReading();
    const isPatient = this.closed?.status !== "overflow";
    this.#stopAwaiting ??= awaitClose(this.#socket, this.#outbox, this.environment.limits, isPatient);
  }

  #endSocket(): void {
    this.#stopTimers();
    this.#outbox.flush();
    this.#options.endSocket(this.#socket);
  }

  #finish(closed: ClosedWith, dropsQueued: boolean): void {
    this.#options.heartbeat.forget(this);
    this.finish(closed, dropsQueued);
  }

  #stopTimers(): void {
    this.#stopAwaiting?.();
    this.#pause = this.#pause?.stop();
  }
}

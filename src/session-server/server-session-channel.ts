import { BaseChannel } from "../channel/base-channel.ts";
import type { ChannelKind } from "../channel/channel-kind.ts";
import { isStream } from "../channel/data.ts";
import type { Environment } from "../channel/environment.ts";
import { ChannelErrorOf } from "../channel/errors.ts";
import { Mailbox, type MailboxListener } from "../channel/mailbox.ts";
import { MessageRate } from "../channel/message-rate.ts";
import type { Message } from "../channel/message-type.ts";
import type { Outgoing } from "../channel/outgoing.ts";
import { ownText } from "../channel/message.ts";
import type { Payload } from "../channel/payload.ts";
import type { SessionLimits } from "../channel/session-limits.ts";
import { setOnce } from "../channel/set-once.ts";
import { closedHere, type ClosedWith, closedWith, statusOf } from "../channel/status.ts";
import { checkDropped } from "../http/head.ts";
import { closeCodes } from "../protocol/close-code.ts";
import type { SessionEnd } from "../session/ending.ts";
import type { ServerSession } from "../session/server-session.ts";
import { StallWatch } from "../websocket/stall-watch.ts";
import { streamMessage } from "../websocket/stream-message.ts";
import { checkCloseCode } from "./check-close-code.ts";
import type { Entitled } from "./expiries.ts";
import type { Item } from "./item.ts";
import { Presence, type PresenceHandler, type PresenceSource } from "./presence.ts";
import type { Intake, ServerTransport } from "./server-transport.ts";
import type { SessionChannel } from "./session-channel.ts";
import { SessionOutput } from "./session-output.ts";

/** What the channel of a session is made of. */
export type SessionParts<User> = {
  readonly session: ServerSession<Item>;
  readonly limits: SessionLimits;
  readonly environment: Environment;
  readonly remoteAddress: string;
  readonly user: User;
};

/** The channel of a session. */
export class ServerSessionChannel<User>
  extends BaseChannel
  implements SessionChannel<User>, MailboxListener, Intake, PresenceSource, Entitled
{
  attachment: User;
  readonly #session: ServerSession<Item>;
  readonly #remoteAddress: string;
  readonly #mailbox: Mailbox;
  readonly #output: SessionOutput;
  #transport: ServerTransport | undefined;
  /** There while transports are paused for a slow handler. */
  #stallWatch: StallWatch | undefined;
  #receivedCount = 0;
  /** At so many messages it is looked whether the client is too fast. */
  #countToCheck: number;
  #rate: MessageRate | undefined;
  #whenRoom: Set<() => void> | undefined;
  #presence: Presence | undefined;
  /** Its right has ended, and it comes back with a new one, as between two polls. */
  #isReturning = false;
  /** The least that was not acknowledged since the client came back. */
  #broughtBytes = 0;

  constructor(request: Request, { session, limits, environment, remoteAddress, user }: SessionParts<User>) {
    super(request, environment);
    this.attachment = user;
    this.#session = session;
    this.#remoteAddress = remoteAddress;
    this.#mailbox = new Mailbox(environment.limits, this);
    this.#countToCheck = environment.limits.maxMessagesPerSecond;
    this.#output = new SessionOutput(session, limits, environment.limits.softBufferedBytes);
  }

  override get id(): string {
    return this.#session.id;
  }

  get protocol(): string {
    return this.#session.protocol ?? "";
  }

  override get kind(): ChannelKind {
    return this.#transport?.kind ?? "websocket";
  }

  override get isWebSocket(): boolean {
    return this.kind === "websocket";
  }

  override get closesBySend(): boolean {
    return false;
  }

  get isPresent(): boolean {
    return this.isOpen && (this.#isReturning || this.#session.attachment !== undefined);
  }

  get isFull(): boolean {
    return this.#stallWatch !== undefined || this.#rate?.isHeld === true;
  }

  /** A transport carries the session from here on. */
  carriedBy(transport: ServerTransport, user: User): void {
    this.attachment = user;
    this.#transport = transport;
    this.#isReturning = false;
    this.#broughtBytes = this.bufferedAmount;
    if (this.isFull) this.#pause();
    this.presenceChanged();
  }

  renew(): void {
    if (this.#session.attachment !== undefined) this.#transport?.moveAfter(0);
  }

  expire(): void {
    this.#isReturning = this.isPresent;
    this.#session.detach("stale");
  }

  missed(): void {
    this.#isReturning = false;
    this.presenceChanged();
  }

  onPresence(handler: PresenceHandler): void {
    this.#presence = new Presence(this, setOnce("onPresence", this.#presence !== undefined, handler));
    this.presenceChanged();
  }

  presenceChanged(): void {
    this.#presence?.changed();
  }

  presenceFailed(cause: unknown): void {
    this.handlerFailed("onPresence", cause);
  }

  /** From now on messages go to the receive handler, or are dropped if there is none: `use` is done. */
  startReceiving(): void {
    this.#mailbox.start(this.receiveHandler);
  }

  received(message: Message): void {
    if (!this.isOpen) return;
    this.#mailbox.deliver(message);
    this.#receivedCount += 1;
    if (this.#receivedCount >= this.#countToCheck) this.#checkRate();
  }

  #checkRate(): void {
    this.#rate ??= new MessageRate(this.environment.limits.maxMessagesPerSecond, this);
    this.#countToCheck = this.#rate.came(this.#receivedCount);
  }

  acknowledged(): void {
    this.#broughtBytes = Math.min(this.#broughtBytes, this.bufferedAmount);
    this.#output.acknowledged();
  }

  sessionEnded(end: SessionEnd): void {
    if (end.cause === "fault") {
      this.report(new ChannelErrorOf("PEER_FAULT", { rule: end.reason, remoteAddress: this.#remoteAddress }));
    }
    const wasFull = this.isFull;
    this.finish(closedBy(end), end.cause !== "peer");
    this.#stallWatch = this.#stallWatch?.stop();
    if (wasFull) this.adjustReading();
  }

  override close(code?: number, reason?: string): boolean {
    if (this.isOpen && code !== undefined) checkCloseCode(code);
    return super.close(code, reason);
  }

  override fail(): void {
    if (this.closed !== undefined) return;
    this.shut();
    this.end(1011, "");
  }

  whenRoom(callback: () => void): () => void {
    if (this.isFull) (this.#whenRoom ??= new Set()).add(callback);
    else callback();
    return () => this.#whenRoom?.delete(callback);
  }

  mailboxFull(mailbox: Mailbox): void {
    if (!this.isOpen) return;
    const { receiveStallTimeoutMs } = this.environment.limits;
    this.#stallWatch = new StallWatch(mailbox, receiveStallTimeoutMs, () => {
      this.#session.drop("overflow", "a receive handler did not finish");
    });
    this.adjustReading();
  }

  mailboxHasRoom(): void {
    if (this.#stallWatch === undefined) return;
    this.#stallWatch = this.#stallWatch?.stop();
    this.adjustReading();
  }

  /** A handler is slow, or the client is fast, or that is over. */
  adjustReading(): void {
    if (this.isFull) {
      this.#pause();
      return;
    }
    this.#session.resumeHearing();
    this.#transport?.resumeReading?.();
    const callbacks = this.#whenRoom;
    this.#whenRoom = undefined;
    for (const callback of callbacks ?? []) callback();
  }

  protected override get mailbox(): Mailbox {
    return this.#mailbox;
  }

  protected override get outbox(): SessionOutput {
    return this.#output;
  }

  override overflow(): void {
    this.#session.drop("overflow");
  }

  /** What was kept for a client that has come back is on its way to it: it is behind with what comes on top of that. */
  override get isBehind(): boolean {
    return this.bufferedAmount >= this.environment.limits.softBufferedBytes + this.#broughtBytes;
  }

  override cutOff(payload: Payload): void {
    this.sendShared(payload, false);
    this.#session.detach("slow");
  }

  protected override check({ headers }: Outgoing): void {
    checkDropped(headers);
  }

  protected override transmit({ body }: Outgoing, close: boolean): boolean {
    if (isStream(body)) {
      const sink = streamMessage(
        () => this.#output.drained(),
        this.environment.limits,
        (message) => this.#send(message, close),
      );
      this.streams.pump(body, sink);
      return true;
    }
    if (typeof body === "string") return this.#send(ownText(body), close);
    // A copy of bytes, since their owner could still change them before they are acknowledged.
    return this.#send(body === undefined ? undefined : Buffer.from(body), close);
  }

  protected override transmitShared(payload: Payload, close: boolean): boolean {
    return this.#send(payload, close);
  }

  protected override end(code: number, reason: string): void {
    this.#session.close(code, reason);
  }

  #send(item: Item | undefined, close: boolean): boolean {
    if (item !== undefined && !this.#session.send(item)) return false;
    if (close) this.end(1000, "");
    return true;
  }

  #pause(): void {
    // What carries the session reads nothing, so nothing is heard: the client must not be taken for dead.
    this.#session.pauseHearing();
    this.#transport?.pauseReading?.();
  }
}

/** The end of a session as its close handler is told of it. */
function closedBy({ cause, code, reason }: SessionEnd): ClosedWith {
  if (cause === "local") return closedHere(code, reason);
  if (cause === "peer") return closedWith(statusOf(code), code, reason);
  if (cause === "overflow") return closedWith("overflow", code, reason, false);
  if (cause === "fault")
    return closedWith(code === closeCodes.tooBig ? "message-too-big" : "protocol-error", code, reason, false);
  return closedWith("abnormal", code, reason, false);
}

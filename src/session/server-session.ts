import { type SessionLimits, sessionOverheadBytes } from "../channel/session-limits.ts";
import type { AttachedRecord, AttachMode, ControlRecord, ResetReason } from "../protocol/control-record.ts";
import { Attachment, type Numbered } from "./attachment.ts";
import { BaseSession } from "./base-session.ts";
import type { PresentBytes } from "./present-bytes.ts";
import type { SessionEvents, SessionOptions } from "./session-options.ts";
import type { Transport } from "./transport.ts";

/** Who keeps the sessions of a server, within time and memory. */
export type SessionKeeper<Item> = {
  /** What all keep whose clients are there. */
  readonly present: PresentBytes;
  /** That is more than it may be. */
  crowded(): void;
  /** No transport carries it any more. */
  gone(session: ServerSession<Item>): void;
  /** More is kept for a client that is away. */
  grew(session: ServerSession<Item>, bytes: number): void;
  returned(session: ServerSession<Item>): void;
  /** It is over, and nobody can come back to it. */
  released(session: ServerSession<Item>): void;
};

/** What an attach asks for, once it is known that it may. */
export type Attaching = {
  readonly transport: Transport;
  readonly attach: number;
  readonly received: number;
  readonly mode: AttachMode | undefined;
  readonly secret: string;
  /** Undefined: resumed. */
  readonly reset: { readonly reason: ResetReason | undefined } | undefined;
};

/** The messages of one request, with the numbers that they have. */
export type SentBatch = Pick<Extract<ControlRecord, { type: "send" }>, "first" | "received">;

/** What is said once, when a session is opened. */
export type SessionNames = { readonly id: string; readonly protocol: string | undefined };

const noEvents: SessionEvents = {
  message: () => undefined,
  closed: () => undefined,
  acknowledged: () => undefined,
  left: () => undefined,
};

/** The server's end of a session. */
export class ServerSession<Item> extends BaseSession<Item> {
  readonly id: string;
  /** The subprotocol of the application; undefined: none was chosen. */
  readonly protocol: string | undefined;
  protected events: SessionEvents;
  readonly #keeper: SessionKeeper<Item>;
  readonly #limits: SessionLimits;
  #highestAttach = 0;
  #highestPoll = 0;
  #goneSinceMs = 0;

  constructor({ id, protocol }: SessionNames, keeper: SessionKeeper<Item>, options: SessionOptions<Item>) {
    super(options);
    this.id = id;
    this.protocol = protocol;
    this.#keeper = keeper;
    this.#limits = options.limits;
    // It is opened right behind its first attach.
    this.events = noEvents;
  }

  /** The attach that carries the session, or did last. */
  get highestAttach(): number {
    return this.#highestAttach;
  }

  /** What is kept for it besides its messages. */
  get overheadBytes(): number {
    return sessionOverheadBytes + (this.events.keptBytes ?? 0);
  }

  /** What it answers for of all that is kept for clients that are there. */
  get presentBytes(): number {
    return this.current === undefined ? 0 : this.outgoing.shareBytes;
  }

  /** How many messages were put on a transport: no client can have more. */
  get sent(): number {
    return this.written;
  }

  /** Says who is told what happens from here on, and of an end that came already. */
  open(events: SessionEvents): void {
    this.events = events;
    if (this.end !== undefined) events.closed(this.end);
  }

  /** When the last transport was lost, if {@link attachment} says that there is none. */
  get goneSinceMs(): number {
    return this.#goneSinceMs;
  }

  /** Sends, or keeps to be sent. @returns false when the session is closed, or when it ends because too much waits */
  send(item: Item): boolean {
    if (!this.isOpen) return false;
    const bytes = this.bytesOf(item);
    const isBehind = this.current === undefined || this.outgoing.bytes + bytes > this.#limits.maxUnacknowledgedBytes;
    if (!isBehind) this.push(item, bytes);
    else if (!this.#keep(item, bytes)) return false;
    if (this.#keeper.present.isOver) this.#keeper.crowded();
    // The memory for all that are away may have had to be taken from this one.
    return !this.isOver;
  }

  /** Sends while the client is away, or far behind. @returns false when the session ends, since it keeps too much already */
  #keep(item: Item, bytes: number): boolean {
    const isOverLimit = this.outgoing.count > 0 && !this.#hasRoomFor(bytes);
    // The message that goes over the limit is still kept, so that the session can be resumed; the next one is not.
    const isBeyond = this.current === undefined || this.outgoing.bytes > this.#limits.maxUnacknowledgedBytes;
    if (isOverLimit && isBeyond) {
      this.drop("overflow");
      return false;
    }
    const wasAway = this.current === undefined;
    this.push(item, bytes);
    // That it is away then counts all that it keeps, this one, too.
    if (isOverLimit) this.detach("slow");
    if (wasAway) this.#keeper.grew(this, bytes);
    return true;
  }

  /** Goes on over a transport whose attach is higher than all before, and answers it. */
  attach(attaching: Attaching): Attachment<Item> {
    const { transport, attach, received, mode, secret, reset } = attaching;
    const { pingIntervalMs, pongTimeoutMs, pollHoldMs, resumeWindowMs, maxMessageBytes } = this.#limits;
    this.acknowledged(received);
    const attachment = new Attachment<Item>(this, transport, attach);
    if (this.isOver) return attachment;
    this.#highestAttach = attach;
    this.#highestPoll = 0;
    // An ack may have overtaken the attach: what it says is forgotten, and the client has it.
    attachment.nextOutgoing = Math.max(received, this.peerHas) + 1;
    attachment.nextIncoming = this.received + 1;
    // A poll that is held for long is silence: to end it is the ping, the next poll the answer.
    this.carry(attachment, mode === "poll" ? { pingIntervalMs: pollHoldMs, pongTimeoutMs } : this.#limits);
    this.outgoing.countIn(this.#keeper.present);
    this.#keeper.returned(this);
    const answer: AttachedRecord = {
      type: "attached",
      attach,
      session: this.id,
      secret,
      resumed: reset === undefined,
      ...(reset?.reason === undefined ? undefined : { reason: reset.reason }),
      ...(this.protocol === undefined ? undefined : { protocol: this.protocol }),
      received: this.takeReceived(),
      first: attachment.nextOutgoing,
      pingIntervalMs,
      pongTimeoutMs,
      pollHoldMs,
      resumeWindowMs,
      maxMessageBytes,
    };
    transport.write(answer);
    transport.wake();
    return attachment;
  }

  /**
   * Goes on over the response to a poll.
   *
   * @returns false for a poll that is not later than all before: a copy, which must not end the one that is held
   */
  poll(attachment: Attachment<Item>, poll: number, received: number): boolean {
    if (!this.heard(attachment) || poll <= this.#highestPoll) return false;
    this.#highestPoll = poll;
    this.acknowledged(received);
    if (received < this.peerHas) this.drop("gap");
    attachment.nextOutgoing = received + 1;
    if (!this.isOver) attachment.transport.wake();
    return true;
  }

  /** Takes the messages of a request as far as there is room: those that came before are dropped. The answer is {@link takeReceived}. */
  receiveBatch(
    attachment: Attachment<Item>,
    { first, received }: SentBatch,
    messages: readonly Numbered[],
    isFull: () => boolean = () => false,
  ): void {
    if (!this.heard(attachment)) return;
    this.acknowledged(received);
    for (const [index, message] of messages.entries()) {
      if (isFull()) return;
      this.accept(first + index, message);
    }
  }

  protected gone(): void {
    this.#goneSinceMs = this.clock.now();
    this.outgoing.countIn(undefined);
    this.#keeper.gone(this);
    this.events.left();
  }

  protected released(): void {
    this.#keeper.released(this);
  }

  #hasRoomFor(bytes: number): boolean {
    const { maxUnacknowledgedBytes, maxReplayBytes, maxReplayMessages } = this.#limits;
    const { count } = this.outgoing;
    if (this.current !== undefined) return this.outgoing.bytes + bytes <= maxUnacknowledgedBytes;
    return this.outgoing.bytes + bytes <= maxReplayBytes && count < maxReplayMessages;
  }
}

import type { ClientLimits } from "../channel/client-limits.ts";
import { fault, superseded, unknown } from "../protocol/close-code.ts";
import type { AttachedRecord, AttachMode, ControlRecord, ResetReason } from "../protocol/control-record.ts";
import { Attachment } from "./attachment.ts";
import { BaseSession } from "./base-session.ts";
import type { EndLimits, SessionEvents, SessionOptions } from "./session-options.ts";
import type { Transport } from "./transport.ts";

/** A transport carries the session, told before any message that comes over it. */
export type Attached = {
  /** Whether nothing is missing and nothing doubled. False the first time, too. */
  readonly resumed: boolean;
  /** Why not; undefined the first time. */
  readonly reason: ResetReason | undefined;
  /** Messages that were sent and never acknowledged: each may have arrived or not. Those never sent are sent now. */
  readonly uncertain: number;
  /** What the server said, with its times. */
  readonly answer: AttachedRecord;
};

/** What the client's end tells besides. */
export type ClientSessionEvents = SessionEvents & {
  attached(attached: Attached): void;
  /** No transport carries the session: dial. */
  gone(): void;
  /** The session is over: nothing is to be attached any more. */
  released(): void;
  /** The server asks for an attach over a new transport, after this time. */
  goaway(afterMs: number): void;
};

/** The bounds of a client's end. */
export type ClientEndLimits = EndLimits & Pick<ClientLimits, "maxQueuedBytes" | "maxQueuedMessages">;

/** What the client's end is given besides. */
export type ClientSessionOptions<Item> = SessionOptions<Item, ClientEndLimits> & {
  readonly events: ClientSessionEvents;
  /** 128 random bits, of the letters that a token may have. */
  readonly createKey: () => string;
};

/** The server pings first, so that a link that works carries one ping and not two. */
const slackMs = 5000;

/** The client's end of a session: it attaches. */
export class ClientSession<Item> extends BaseSession<Item> {
  protected readonly events: ClientSessionEvents;
  readonly #limits: ClientEndLimits;
  readonly #createKey: () => string;
  readonly #pending = new Map<Attachment<Item>, AttachMode | undefined>();
  #latestAttach = 0;
  #key: string;
  #answer: AttachedRecord | undefined;
  /** The counts of the server did not fit. */
  #hasGap = false;

  constructor(options: ClientSessionOptions<Item>) {
    super(options);
    this.events = options.events;
    this.#limits = options.limits;
    this.#createKey = options.createKey;
    this.#key = options.createKey();
  }

  /** The answer that was adopted last. It names the session and proves the right to it, in each request over HTTP. */
  get answer(): AttachedRecord | undefined {
    return this.#answer;
  }

  /** Sends, or keeps to be sent. @returns false when the session is closed, or when too much waits: it takes nothing then */
  override send(item: Item): boolean {
    const { maxQueuedBytes, maxQueuedMessages } = this.#limits;
    const { bytes, count } = this.outgoing;
    const isFull = count >= maxQueuedMessages || bytes + this.bytesOf(item) > maxQueuedBytes;
    return !(isFull && count > 0) && super.send(item);
  }

  /** Asks the server to go on over this transport. What carries the session now does so until the answer comes. */
  attach(transport: Transport, mode?: AttachMode): Attachment<Item> {
    const attachment = new Attachment<Item>(this, transport, 0);
    this.#ask(attachment, mode);
    return attachment;
  }

  /** A record that asks for a response with what comes next, over the attachment that polls. */
  poll(attachment: Attachment<Item>, poll: number): ControlRecord {
    attachment.nextIncoming = this.received + 1;
    return { type: "poll", attach: attachment.number, poll, received: this.takeReceived() };
  }

  override lose(attachment: Attachment<Item>): void {
    this.#pending.delete(attachment);
    super.lose(attachment);
  }

  protected gone(): void {
    this.events.gone();
  }

  protected released(): void {
    this.#dropPending();
    this.events.released();
  }

  protected controlOfRole(attachment: Attachment<Item>, record: ControlRecord): boolean {
    if (record.type === "attached") this.#answered(attachment, record);
    else if (record.type === "goaway") this.events.goaway(record.afterMs);
    // Closing, it asked for this session and no other: the server has nothing to keep for it any more.
    else if (record.type === "detach" && record.code === unknown && !this.isOpen) this.drop("expired");
    else return false;
    return true;
  }

  #ask(attachment: Attachment<Item>, mode: AttachMode | undefined): void {
    const { session, secret } = this.#answer ?? {};
    this.#latestAttach += 1;
    attachment.number = this.#latestAttach;
    this.#pending.set(attachment, mode);
    attachment.transport.write({
      type: "attach",
      attach: this.#latestAttach,
      received: this.received,
      // Closing, it must not open another session.
      key: this.isOpen || session === undefined ? this.#key : undefined,
      session,
      secret,
      mode,
      gap: this.#hasGap || undefined,
    });
  }

  #answered(attachment: Attachment<Item>, answer: AttachedRecord): void {
    const mode = this.#pending.get(attachment);
    const isLatest = answer.attach === this.#latestAttach;
    // A late answer over a stream may have been held back by a proxy, as what follows would be.
    if (!isLatest && mode === "stream" && this.#pending.size > 1) return;
    if (!this.#pending.delete(attachment)) return;
    const isGap = isLatest && this.#isGap(answer);
    if (isGap && this.#hasGap) {
      const reason = "the server resumes what it was told to end";
      attachment.transport.detach(fault, reason);
      this.drop("fault", reason);
      return;
    }
    this.#hasGap ||= isGap;
    if (isGap || !isLatest) {
      // This transport works. Whether a later attach arrived is not known: a new one over this settles it.
      this.#dropPending();
      this.#ask(attachment, mode);
      return;
    }
    const { resumed } = answer;
    this.#dropPending();
    this.#hasGap = false;
    this.#answer = answer;
    this.#key = this.#createKey();
    const uncertain = resumed ? 0 : this.restart();
    this.acknowledged(answer.received);
    if (this.isOver) return;
    attachment.nextOutgoing = answer.received + 1;
    attachment.nextIncoming = answer.first;
    const intervalMs = mode === "poll" ? answer.pollHoldMs : answer.pingIntervalMs;
    this.carry(attachment, intervalMs === 0 ? 0 : intervalMs + slackMs, answer.pongTimeoutMs);
    this.events.attached({ resumed, reason: answer.reason, uncertain, answer });
    if (this.outgoing.next > attachment.nextOutgoing) attachment.transport.wake();
  }

  /** Whether the server knows less than it acknowledged, or more than was sent, or cannot send what comes next. */
  #isGap({ resumed, received, first }: AttachedRecord): boolean {
    if (!resumed) return received !== 0 || first !== 1;
    return received < this.peerHas || received > this.written || first > this.received + 1;
  }

  #dropPending(): void {
    for (const attachment of this.#pending.keys()) {
      this.#pending.delete(attachment);
      attachment.transport.detach(superseded, "superseded");
    }
  }
}

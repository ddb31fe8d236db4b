import { encodeControl, type Fault, faultOf } from "../protocol/control-codec.ts";
import { ChannelErrorOf } from "../channel/errors.ts";
import { closedHere, type ClosedWith, closedWith } from "../channel/status.ts";
import type { Message } from "../channel/message-type.ts";
import { fillAtEndOfTurn, type Source } from "../channel/turn.ts";
import type { Movable } from "../channel/movable.ts";
import { Payload } from "../channel/payload.ts";
import { messageOverheadBytes, type SessionLimits } from "../channel/session-limits.ts";
import { closeCodes } from "../protocol/close-code.ts";
import type { AttachRecord, CloseRecord, ControlRecord } from "../protocol/control-record.ts";
import { FrameDecoder } from "../protocol/frame-codec.ts";
import type { SessionRecord } from "../protocol/record-codec.ts";
import { mostBytesPerUnit } from "../protocol/utf-8.ts";
import { ServedRequest } from "../server/served-request.ts";
import type { Attachment } from "../session/attachment.ts";
import type { Clock } from "../session/clock.ts";
import type { Refusal } from "../session/refusal.ts";
import { appendEscaped } from "../websocket/append-message.ts";
import { WebSocketChannel } from "../websocket/websocket-channel.ts";
import { countControl } from "./count-control.ts";
import type { Item } from "./item.ts";
import type { SessionTerms } from "./session-channel.ts";
import type { Intake, ServerTransport } from "./server-transport.ts";
import { SharedRun } from "./shared-run.ts";

/** What was put last on a WebSocket. It is kept until something else is: as much as one turn of one session. */
let lastRun = SharedRun.none;

/** What a WebSocket that carries sessions belongs to. */
export type SocketOwner<User> = {
  readonly clock: Clock;
  readonly limits: SessionLimits;
  /** Who it is that asks, and for which session; it calls `carry` or `refuse` of the socket, at once or later. */
  attach(record: AttachRecord, socket: SessionSocket<User>): void;
};

/**
 * A WebSocket that carries a session: it takes what the session has for it when it has room, and shares the encodings,
 * and the one write a turn, of plain channels. A client may attach over it more than once.
 */
export class SessionSocket<User> extends WebSocketChannel implements ServerTransport, Movable, Source {
  readonly terms: SessionTerms<User>;
  readonly #owner: SocketOwner<User>;
  readonly #decoder = new FrameDecoder();
  #attachment: Attachment<Item> | undefined;
  #isAttaching = false;
  #isWaiting = false;
  #isWoken = false;
  #controlBytes = 0;
  /** Ends it when no attach comes in time. */
  #stopWaiting: (() => void) | undefined;

  /** @param terms - for a session that is opened over it */
  constructor(
    owner: SocketOwner<User>,
    terms: SessionTerms<User>,
    ...parts: ConstructorParameters<typeof WebSocketChannel>
  ) {
    super(...parts);
    this.#owner = owner;
    this.terms = terms;
  }

  override start(head: Buffer, early: readonly Buffer[]): void {
    super.start(head, early);
    if (this.#attachment === undefined && !this.#isAttaching) this.#expectAttach("late");
  }

  override read(chunk: Buffer): void {
    // Anything is life: also a frame that is not complete yet, and what RFC 6455 pings with.
    this.#attachment?.heard();
    super.read(chunk);
  }

  override receivedMessage(frame: Message): void {
    if (!this.isOpen) return;
    const record = this.#decoder.read(frame);
    if (record === undefined) return;
    if (typeof record === "object" && "fault" in record) this.#fault(record);
    else if (typeof record === "object" && "type" in record && record.type === "attach") this.#attach(record);
    else this.#take(record);
  }

  override receivedViolation(code: number, rule: string): void {
    if (code === 1009) this.#fault({ fault: rule, name: "tooBig" });
    else super.receivedViolation(code, rule);
  }

  override goAway(): void {
    if (this.isOpen) this.detach(closeCodes.shutdown, "shutdown");
  }

  /** Messages go to the session, which has a mailbox of its own. */
  protected override get mailbox(): undefined {
    return undefined;
  }

  override get movable(): Movable | undefined {
    return this.#attachment === undefined ? undefined : this;
  }

  moveAfter(delayMs: number): void {
    this.write({ type: "goaway", afterMs: delayMs });
  }

  /** The session bounds what waits, and counts what a socket has not taken. */
  override hasRoomFor(): boolean {
    return true;
  }

  carry(attachment: Attachment<Item>, intake: Intake | undefined): void {
    this.#isAttaching = false;
    // Another attach may have superseded the one before while this one waited for its answer.
    this.#stopExpecting();
    const before = this.#attachment;
    this.#attachment = attachment;
    // Of another session: nothing comes for it any more. Of the same one, this one carries it.
    before?.lost();
    if (intake?.isFull !== true) this.resumeReading();
    this.wake();
  }

  turnAway(refusal: Refusal): void {
    this.#isAttaching = false;
    this.detach(refusal.code, refusal.reason);
  }

  wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    fillAtEndOfTurn(this);
  }

  fill(): void {
    this.#isWoken = false;
    const attachment = this.#attachment;
    if (attachment === undefined || !this.isOpen) return;
    let room = this.environment.limits.softBufferedBytes - this.outbox.bufferedAmount;
    if (room > 0 && lastRun.payloads.length > 1 && attachment.nextAll(lastRun.payloads)) {
      this.transmitFrames(lastRun.framesBy(this.encoder));
      return;
    }
    let run: SharedRun | undefined;
    while (room > 0) {
      const item = attachment.next();
      if (item === undefined) {
        lastRun = run ?? lastRun;
        return;
      }
      // An empty one is no frame of its own here.
      if (item instanceof Payload && item.bytes.length > 0) (run ??= new SharedRun()).payloads.push(item);
      room -= this.#put(item);
    }
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    void this.outbox.drained().then(() => {
      this.#isWaiting = false;
      this.wake();
    });
  }

  write(record: ControlRecord): void {
    if (!this.isOpen) return;
    const text = encodeControl(record);
    if (this.#hasRoomForControl(text.length)) appendEscaped(this.outbox, text);
    else this.detach(closeCodes.slow, "slow");
  }

  override receivedPing(data: Buffer): void {
    if (this.#hasRoomForControl(data.length)) super.receivedPing(data);
    else this.detach(closeCodes.slow, "slow");
  }

  detach(code: number, reason: string): void {
    if (!this.isOpen) return;
    if (code === closeCodes.superseded) {
      // It works: the client may attach again over it.
      this.write({ type: "detach", code, reason });
      this.#expectAttach("superseded");
      return;
    }
    const isDead = code === closeCodes.silent || code === closeCodes.slow || code === closeCodes.overflow;
    // What waits comes again, over another transport; a client that reads slowly has to get the Close frame in time.
    if (isDead) this.outbox.clear();
    else this.fill();
    this.closeWith(code, isDead ? closedWith("overflow", code, reason, false) : closedHere(code, reason));
  }

  #hasRoomForControl(bytes: number): boolean {
    const { softBufferedBytes } = this.environment.limits;
    this.#controlBytes = countControl(this.#controlBytes, bytes, this.outbox.bufferedAmount, softBufferedBytes);
    return this.#controlBytes <= softBufferedBytes;
  }

  #attach(record: AttachRecord): void {
    if (this.#isAttaching) {
      this.#fault(faultOf("nothing may come behind an attach until it is answered"));
      return;
    }
    this.#isAttaching = true;
    this.#stopExpecting();
    this.#owner.attach(record, this);
  }

  #take(record: SessionRecord): void {
    const attachment = this.#attachment;
    const isMessage = typeof record !== "object" || record instanceof Uint8Array;
    if (attachment === undefined || (isMessage && this.#isAttaching)) {
      this.#fault(faultOf("nothing may come before an attach is answered"));
    } else if (isMessage && this.#isTooBig(record)) {
      this.#fault({ fault: "a message is larger than the other side takes", name: "tooBig" });
    } else attachment.receive(record);
  }

  #isTooBig(message: Message): boolean {
    const { maxMessageBytes } = this.#owner.limits;
    if (typeof message !== "string") return message.length > maxMessageBytes;
    return message.length * mostBytesPerUnit > maxMessageBytes && Buffer.byteLength(message) > maxMessageBytes;
  }

  /** @returns about how many bytes it takes, as they are counted while it is kept */
  #put(item: Item | CloseRecord): number {
    if (item instanceof Payload) {
      const { length } = item.bytes;
      if (length > 0) this.transmitShared(item, false);
      else this.#putMessage(item.message);
      return length + messageOverheadBytes;
    }
    if (typeof item === "object" && "type" in item) {
      this.write(item);
      return messageOverheadBytes;
    }
    this.#putMessage(item);
    return item.length + messageOverheadBytes;
  }

  #putMessage(message: Message): void {
    // Empty bytes are the escape.
    if (typeof message !== "string" && message.length === 0) this.write({ type: "empty" });
    else this.transmitMessage(message);
  }

  /** The client broke the protocol: the session ends, if this carries one. */
  #fault({ fault, name }: Fault): void {
    // RFC 6455 §5.5: a reason has at most 123 bytes; these are ASCII.
    const reason = fault.slice(0, 123);
    if (this.#attachment?.fault(name, reason) === true) return;
    const remoteAddress = ServedRequest.addressOf(this.request);
    this.report(new ChannelErrorOf("PEER_FAULT", { rule: fault, remoteAddress }));
    this.closeWith(closeCodes[name], closedHere(closeCodes[name], reason));
  }

  #expectAttach(name: "late" | "superseded"): void {
    const { clock, limits } = this.#owner;
    this.#stopExpecting();
    this.#stopWaiting = clock.after(limits.attachTimeoutMs, () =>
      this.closeWith(closeCodes[name], closedHere(closeCodes[name], name)),
    );
  }

  #stopExpecting(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
  }

  protected override finish(closed: ClosedWith, dropsQueued: boolean): void {
    super.finish(closed, dropsQueued);
    this.#stopExpecting();
    this.#attachment?.lost();
  }
}

import { messageOverheadBytes, type SessionLimits } from "../channel/session-limits.ts";
import { closeCodes, type CloseName } from "../protocol/close-code.ts";
import type { CloseRecord, ControlRecord } from "../protocol/control-record.ts";
import { AckSchedule } from "./ack-schedule.ts";
import type { Attachment, Carried, Numbered } from "./attachment.ts";
import type { WaiterClock } from "./clock.ts";
import { type DropName, Ending, endOf, type SessionEnd } from "./ending.ts";
import { Liveness, type LivenessTimes, type Watched } from "./liveness.ts";
import { ReplayBuffer, type Scale } from "./replay-buffer.ts";
import type { SessionEvents, SessionOptions } from "./session-options.ts";

/**
 * What a session of a server does for its transports: numbers, acknowledgements, and what is kept to be sent again.
 *
 * A message is forgotten when the other side has acknowledged it, and not before. What comes is taken in the order of
 * its numbers, each once, over whichever transport it comes.
 */
export abstract class BaseSession<Item> implements Carried<Item>, Watched, Scale<Item | CloseRecord> {
  protected readonly clock: WaiterClock;
  protected readonly outgoing: ReplayBuffer<Item | CloseRecord> = new ReplayBuffer();
  /** The highest number that was put on a transport, of which it is not known whether it arrived. */
  protected written = 0;
  protected received = 0;
  /** The highest number that is acknowledged. */
  protected peerHas = 0;
  protected current: Attachment<Item> | undefined;
  readonly #limits: SessionLimits;
  readonly #sizeOf: (item: Item) => number;
  readonly shareOf: Scale<Item | CloseRecord>["shareOf"];
  readonly #acks: AckSchedule;
  /** Whoever carries the session knows that there is something to take, and has not taken all. */
  #isWaking = false;
  #ending: Ending | undefined;
  #liveness: Liveness | undefined;

  constructor({ limits, clock, sizeOf, shareOf }: SessionOptions<Item>) {
    this.#limits = limits;
    this.clock = clock;
    this.#sizeOf = sizeOf;
    this.shareOf = shareOf;
    this.#acks = new AckSchedule(limits, clock, this);
  }

  protected abstract get events(): SessionEvents;
  /** No transport carries the session any more. */
  protected abstract gone(): void;
  /** Nothing is kept any more, and no attach can resume the session. */
  protected abstract released(): void;

  get isOpen(): boolean {
    return this.#ending === undefined;
  }

  /** Whether all is said: there is nothing to attach to. */
  get isOver(): boolean {
    return this.#ending?.isOver === true;
  }

  /** What carries the session now. A request over HTTP belongs to it if it has the number of its attach. */
  get attachment(): Attachment<Item> | undefined {
    return this.current;
  }

  /** How it was closed; undefined while it is not. */
  get end(): SessionEnd | undefined {
    return this.#ending?.end;
  }

  /** Bytes that are not acknowledged. */
  get bufferedBytes(): number {
    return this.outgoing.bytes;
  }

  /** Ends the session behind everything that was sent. @returns true only for the call that closed it */
  close(code: number, reason: string): boolean {
    if (!this.isOpen) return false;
    const end = { cause: "local", code, reason } as const;
    // A peer that never acknowledges the end, or never comes back, is not waited for any longer than one that is away.
    const stopWaiting = this.clock.after(this.#limits.resumeWindowMs, () => this.drop("expired"));
    this.#ending = new Ending(end, stopWaiting);
    this.outgoing.push(this.#ending.record, messageOverheadBytes, this);
    this.events.closed(end);
    this.current?.transport.wake();
    return true;
  }

  /** Ends the session at once: it cannot be kept, or the peer broke the protocol. */
  drop(name: DropName, reason: string = name): void {
    if (this.isOver) return;
    this.#finish(endOf(name, reason));
  }

  /** Lets go of the present transport; the session stays. */
  detach(name: CloseName): void {
    const attachment = this.current;
    if (attachment === undefined) return;
    this.lose(attachment);
    attachment.transport.detach(closeCodes[name], name);
  }

  /** How much came, which the caller is about to tell the peer. */
  takeReceived(): number {
    this.#acks.clear();
    return this.received;
  }

  take(attachment: Attachment<Item>, number: number): Item | CloseRecord | undefined {
    if (attachment !== this.current) return undefined;
    if (this.peerHas >= this.outgoing.first) this.#forget();
    const item = this.outgoing.get(number);
    if (item === undefined) this.#isWaking = false;
    else this.written = Math.max(this.written, number);
    return item;
  }

  takeAll(attachment: Attachment<Item>, number: number, items: readonly Item[]): boolean {
    if (this.peerHas >= this.outgoing.first) this.#forget();
    const isTaken = attachment === this.current && this.outgoing.endsWith(number, items);
    if (!isTaken) return false;
    this.written = Math.max(this.written, number + items.length - 1);
    this.#isWaking = false;
    return true;
  }

  heard(attachment: Attachment<Item>): boolean {
    if (attachment !== this.current) return false;
    this.#liveness?.heard();
    return true;
  }

  fault(attachment: Attachment<Item>, name: "fault" | "tooBig", reason: string): boolean {
    if (!this.heard(attachment)) return false;
    this.drop(name, reason);
    return true;
  }

  /** This side reads nothing for now: the silence is its own, and the peer is not taken for gone. */
  pauseHearing(): void {
    this.#liveness?.pause();
  }

  /** It reads on. */
  resumeHearing(): void {
    this.#liveness?.start();
  }

  accept(number: number, record: Numbered): void {
    if (this.isOver || number <= this.received) return;
    if (number > this.received + 1) {
      this.drop("fault", `message ${number} came behind ${this.received}`);
      return;
    }
    this.received = number;
    if (typeof record === "object" && "type" in record) {
      this.#closedByPeer(record);
      return;
    }
    if (this.isOpen) this.events.message(record);
    if (!this.isOver) this.#acks.add(record);
  }

  control(attachment: Attachment<Item>, record: ControlRecord): void {
    if (record.type === "detach") {
      this.lose(attachment);
      attachment.transport.detach(record.code, record.reason);
      return;
    }
    if (attachment !== this.current) return;
    if (record.type === "ack") this.acknowledged(record.received);
    else if (record.type === "ping") attachment.transport.write({ type: "pong" });
    else if (record.type !== "pong") this.drop("fault", `${record.type} may not come here`);
  }

  lose(attachment: Attachment<Item>): void {
    if (attachment !== this.current) return;
    this.#leave();
    // It may end while it says its last.
    if (this.isOver) return;
    this.#forget();
    this.gone();
  }

  /** The peer has everything up to this number. */
  acknowledged(number: number): void {
    if (number > this.written) {
      this.drop("fault", `${number} is acknowledged, and ${this.written} were sent`);
      return;
    }
    if (number <= this.peerHas) return;
    this.peerHas = number;
    if (this.#ending?.isOver === false && number + 1 === this.outgoing.next) this.#release(1000, "");
    else {
      this.#forget();
      this.events.acknowledged();
    }
  }

  /** How much an item counts of what is kept. */
  bytesOf(item: Item | CloseRecord): number {
    return (this.#isEnd(item) ? 0 : this.#sizeOf(item)) + messageOverheadBytes;
  }

  protected push(item: Item, bytes: number): void {
    this.outgoing.push(item, bytes, this);
    // Not for each message of a turn: of a group of many, each transport would have to be brought into the cache for it.
    if (this.#isWaking) return;
    this.#isWaking = true;
    this.current?.transport.wake();
  }

  /** Tells the peer what came, also if it was told before. */
  acknowledge(): void {
    this.current?.transport.write({ type: "ack", received: this.takeReceived() });
  }

  ping(): void {
    this.current?.transport.write({ type: "ping" });
  }

  lost(): void {
    this.detach("silent");
  }

  /** From here on this attachment carries the session; what carried it before is let go. */
  protected carry(attachment: Attachment<Item>, times: LivenessTimes): void {
    const before = this.current;
    this.#leave();
    this.current = attachment;
    this.#forget();
    this.#liveness = new Liveness(this.clock, times, this);
    // A client may attach again over the same transport.
    if (before === undefined || before.transport === attachment.transport) return;
    before.transport.detach(closeCodes.superseded, "superseded");
  }

  #isEnd(item: Item | CloseRecord): item is CloseRecord {
    return item === this.#ending?.record;
  }

  /**
   * Forgets what is acknowledged, but not what the present transport comes to only now: the peer has that from another
   * one, and still counts it here. To send it again costs less than a record that says what is left out.
   */
  #forget(): void {
    this.outgoing.forgetBefore(Math.min(this.peerHas + 1, this.current?.nextOutgoing ?? this.outgoing.next), this);
  }

  #closedByPeer({ code, reason }: CloseRecord): void {
    // The other side waits for this: it keeps its last messages until then.
    this.acknowledge();
    this.#finish({ cause: "peer", code, reason });
  }

  #finish(end: SessionEnd): void {
    const wasOpen = this.isOpen;
    this.#ending ??= new Ending(end);
    if (end.cause === "peer") this.#release(1000, "");
    else this.#release(end.code, end.reason);
    if (wasOpen) this.events.closed(end);
  }

  #release(code: number, reason: string): void {
    this.#ending?.finish();
    const attachment = this.current;
    // What was sent before the end still goes out, as over a plain channel.
    attachment?.transport.fill?.();
    this.#leave();
    this.outgoing.forgetBefore(this.outgoing.next, this);
    attachment?.transport.detach(code, reason);
    this.events.acknowledged();
    this.released();
  }

  #leave(): void {
    this.current = undefined;
    this.#acks.clear();
    this.#liveness?.stop();
    this.#liveness = undefined;
  }
}

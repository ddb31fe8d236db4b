import type { Fault } from "../protocol/control-codec.ts";
import type { Message } from "../channel/message-type.ts";
import type { CloseRecord, ControlRecord } from "../protocol/control-record.ts";
import type { SessionRecord } from "../protocol/record-codec.ts";
import type { Transport } from "./transport.ts";

/** What is numbered: messages, and the end. */
export type Numbered = Message | CloseRecord;

type FaultName = Fault["name"];

/** The part of a session that its transports talk to. */
export type Carried<Item> = {
  /** The item of a number, on its way over this attachment. */
  take(attachment: Attachment<Item>, number: number): Item | CloseRecord | undefined;
  /** Takes just these items, from a number on, if they are all there is. */
  takeAll(attachment: Attachment<Item>, number: number, items: readonly Item[]): boolean;
  /** Whether what comes over this attachment counts. */
  heard(attachment: Attachment<Item>): boolean;
  /** The peer broke the protocol over this attachment. @returns whether it carries the session, which has ended */
  fault(attachment: Attachment<Item>, name: FaultName, reason: string): boolean;
  acknowledge(): void;
  accept(number: number, record: Numbered): void;
  control(attachment: Attachment<Item>, record: ControlRecord): void;
  lose(attachment: Attachment<Item>): void;
};

/** One transport that carries a session, or did, or asks to. Numbers are counted here, in both directions. */
export class Attachment<Item> {
  readonly transport: Transport;
  /** The attach that it belongs to. A client may attach again over the same transport. */
  number: number;
  /** The number of the item that is taken next. */
  nextOutgoing = 1;
  /** The number of the message that comes next. */
  nextIncoming = 1;
  readonly #session: Carried<Item>;

  constructor(session: Carried<Item>, transport: Transport, number: number) {
    this.#session = session;
    this.transport = transport;
    this.number = number;
  }

  /** The next item to put on the transport. Undefined: there is none, or another transport carries the session. */
  next(): Item | CloseRecord | undefined {
    const item = this.#session.take(this, this.nextOutgoing);
    if (item !== undefined) this.nextOutgoing += 1;
    return item;
  }

  /** Takes just these items if they are all there is. @returns whether it did */
  nextAll(items: readonly Item[]): boolean {
    const isTaken = this.#session.takeAll(this, this.nextOutgoing, items);
    if (isTaken) this.nextOutgoing += items.length;
    return isTaken;
  }

  /** Takes what came over the transport, in its order. */
  receive(record: SessionRecord): void {
    const counts = this.#session.heard(this);
    if (typeof record === "object" && "type" in record && record.type !== "close") {
      this.#session.control(this, record);
    } else if (counts) this.#session.accept(this.nextIncoming++, record);
  }

  /** Notes that the peer is alive, whatever came. */
  heard(): void {
    this.#session.heard(this);
  }

  /** Tells the peer what came, for want of anything else to tell. */
  acknowledge(): void {
    this.#session.acknowledge();
  }

  /** The peer broke the protocol. @returns false when another transport carries the session, which is none the worse */
  fault(name: FaultName, reason: string): boolean {
    return this.#session.fault(this, name, reason);
  }

  /** The transport ended, whoever ended it. */
  lost(): void {
    this.#session.lose(this);
  }
}

import type { BaseChannel } from "../channel/base-channel.ts";
import { type DepartureListener, findListener } from "../channel/departure-listeners.ts";
import type { HistoryLimits } from "../channel/limits.ts";
import { History } from "./history.ts";

/** What a group tells the directory that it stands in. The same functions serve all groups. */
export type GroupListener<Attachment, Entry> = {
  /** A member has closed, and has left. */
  memberDeparted(group: Group<Attachment, Entry>): void;
};

/** One channel in one group. It hangs on the channel, so that this leaves by itself when it closes. */
export class Member<Attachment> implements DepartureListener {
  readonly channel: BaseChannel;
  readonly group: Group<Attachment, unknown>;
  attachment: Attachment;
  /** Its place among the members, kept by the group. */
  index = 0;
  /** The offset of the history up to which it has everything: it was caught up when it joined. */
  caughtUpTo = 0;

  constructor(channel: BaseChannel, group: Group<Attachment, unknown>, attachment: Attachment) {
    this.channel = channel;
    this.group = group;
    this.attachment = attachment;
  }

  /** A channel is in a group once. */
  get key(): Group<Attachment, unknown> {
    return this.group;
  }

  departed(): void {
    this.group.departed(this);
  }
}

/**
 * The members of one group, and its history if the store keeps any.
 *
 * Members stand in a list in the order in which they joined, and know their places. A Map from channels to members would
 * take more memory, and with polls, which leave and come back with each message, it kept those that had left until the
 * next full collection.
 */
export class Group<Attachment, Entry> {
  readonly name: string;
  readonly history: History<Entry> | undefined;
  readonly #listener: GroupListener<Attachment, Entry>;
  /** Undefined where a member has left, until half of them have. */
  #members: (Member<Attachment> | undefined)[] = [];
  #size = 0;
  /** A broadcast has the list in hand: whoever is taken out of the group while open has to stay in that list. */
  #isLent = false;

  constructor(name: string, historyLimits: HistoryLimits | undefined, listener: GroupListener<Attachment, Entry>) {
    this.name = name;
    this.history = historyLimits === undefined ? undefined : new History(historyLimits);
    this.#listener = listener;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * The members as they are now, with gaps. Whoever comes later stands behind them, and whoever closes leaves a gap; for
   * anybody else the list stays as it is. A copy for each who comes or goes would make a list for each broadcast that
   * waits, where everybody's coming and going is broadcast.
   */
  get members(): readonly (Member<Attachment> | undefined)[] {
    this.#isLent = true;
    return this.#members;
  }

  isOf(listener: GroupListener<Attachment, Entry>): boolean {
    return this.#listener === listener;
  }

  find(channel: BaseChannel): Member<Attachment> | undefined {
    const listener = findListener(channel.departureListeners, this);
    return listener instanceof Member ? listener : undefined;
  }

  add(channel: BaseChannel, attachment: Attachment): Member<Attachment> {
    const member = new Member(channel, this, attachment);
    member.index = this.#members.push(member) - 1;
    this.#size += 1;
    channel.onDeparture(member);
    return member;
  }

  remove(member: Member<Attachment>): void {
    member.channel.offDeparture(member);
    if (this.#isLent) this.#copy();
    this.#take(member);
  }

  /** For a member whose channel has closed. */
  departed(member: Member<Attachment>): void {
    this.#take(member);
    this.#listener.memberDeparted(this);
  }

  #take(member: Member<Attachment>): void {
    this.#size -= 1;
    this.#members[member.index] = undefined;
    if (this.#size * 2 < this.#members.length) this.#copy();
  }

  /** Makes a list without gaps. */
  #copy(): void {
    const members: Member<Attachment>[] = [];
    for (const member of this.#members) {
      if (member !== undefined) member.index = members.push(member) - 1;
    }
    this.#members = members;
    this.#isLent = false;
  }
}

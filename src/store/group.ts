import type { BaseChannel } from "../channel/base-channel.ts";
import type { HistoryLimits } from "../channel/limits.ts";
import { History } from "./history.ts";

/** One member of a group, as a broadcast sees it. */
export type Member<Attachment> = readonly [channel: BaseChannel, attachment: Attachment];

/** The members of one group, and its history if the store keeps any. */
export class Group<Attachment, Entry> {
  readonly history: History<Entry> | undefined;
  readonly #attachments = new Map<BaseChannel, Attachment>();
  /** The offset up to which members were caught up when they joined. */
  #caughtUpTo: WeakMap<BaseChannel, number> | undefined;
  /** The members as they are now. Shared by all broadcasts until somebody comes or goes. */
  #snapshot: readonly Member<Attachment>[] | undefined;

  constructor(historyLimits: HistoryLimits | undefined) {
    this.history = historyLimits === undefined ? undefined : new History(historyLimits);
  }

  get size(): number {
    return this.#attachments.size;
  }

  get members(): readonly Member<Attachment>[] {
    return (this.#snapshot ??= [...this.#attachments]);
  }

  /** Notes that a member has all that was ever broadcast, also what is still on its way. */
  noteCaughtUp(channel: BaseChannel): void {
    if (this.history !== undefined) (this.#caughtUpTo ??= new WeakMap()).set(channel, this.history.position.offset);
  }

  /** Whether a member got the message of an offset from the history before its turn came in the broadcast. */
  hasCaughtUp(channel: BaseChannel, offset: number): boolean {
    return offset <= (this.#caughtUpTo?.get(channel) ?? 0);
  }

  has(channel: BaseChannel): boolean {
    return this.#attachments.has(channel);
  }

  set(channel: BaseChannel, attachment: Attachment): void {
    this.#attachments.set(channel, attachment);
    this.#snapshot = undefined;
  }

  delete(channel: BaseChannel): boolean {
    const wasMember = this.#attachments.delete(channel);
    if (wasMember) this.#snapshot = undefined;
    return wasMember;
  }
}

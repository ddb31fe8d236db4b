import { ownText } from "../channel/message.ts";
import type { BaseChannel } from "../channel/base-channel.ts";
import { type DepartureListener, hasListeners } from "../channel/departure-listeners.ts";
import { ChannelErrorOf } from "../channel/errors.ts";
import type { HistoryLimits } from "../channel/limits.ts";
import { Group, type GroupListener, Member } from "./group.ts";

/**
 * The groups of one store by name.
 *
 * A channel leaves its groups by itself when it closes. An empty group disappears; with history it is kept for a while,
 * so that a member that comes back finds its position.
 */
export class GroupDirectory<Attachment, Entry> implements GroupListener<Attachment, Entry> {
  readonly #historyLimits: HistoryLimits | undefined;
  readonly #maxGroupsPerChannel: number;
  readonly #groups = new Map<string, Group<Attachment, Entry>>();
  /** Groups without members, the one left longest ago first. */
  readonly #emptyGroups = new Set<string>();
  #sweep: NodeJS.Timeout | undefined;

  constructor(historyLimits: HistoryLimits | undefined, maxGroupsPerChannel: number) {
    this.#historyLimits = historyLimits;
    this.#maxGroupsPerChannel = maxGroupsPerChannel;
  }

  find(name: string): Group<Attachment, Entry> | undefined {
    return this.#groups.get(name);
  }

  /** Like `find`; with history, a group that is not there is made, since it has a position from now on. */
  findOrKeep(name: string): Group<Attachment, Entry> | undefined {
    if (this.#historyLimits === undefined) return this.#groups.get(name);
    const group = this.#findOrCreate(name);
    this.#noteEmpty(group);
    return group;
  }

  /** The names of the groups that have members. */
  names(): string[] {
    return [...this.#groups].filter(([, { size }]) => size > 0).map(([name]) => name);
  }

  has(name: string, channel: BaseChannel): boolean {
    return this.#groups.get(name)?.find(channel) !== undefined;
  }

  /** Throws `TOO_MANY_GROUPS` for a channel that is in as many as it may be. */
  join(name: string, channel: BaseChannel, attachment: Attachment): Member<Attachment> {
    const member = this.#groups.get(name)?.find(channel);
    if (member !== undefined) {
      member.attachment = attachment;
      return member;
    }
    this.#checkRoom(channel);
    const group = this.#findOrCreate(name);
    this.#emptyGroups.delete(name);
    return group.add(channel, attachment);
  }

  /** What a channel is in hangs on it, beside what other stores put there. */
  #checkRoom(channel: BaseChannel): void {
    const maxGroupsPerChannel = this.#maxGroupsPerChannel;
    const isOurs = (listener: DepartureListener): boolean => listener instanceof Member && listener.group.isOf(this);
    if (!hasListeners(channel.departureListeners, maxGroupsPerChannel, isOurs)) return;
    throw new ChannelErrorOf("TOO_MANY_GROUPS", { channelId: channel.id, maxGroupsPerChannel });
  }

  /** @returns whether the channel was in the group */
  leave(name: string, channel: BaseChannel): boolean {
    const group = this.#groups.get(name);
    const member = group?.find(channel);
    if (group === undefined || member === undefined) return false;
    group.remove(member);
    this.#noteEmpty(group);
    return true;
  }

  memberDeparted(group: Group<Attachment, Entry>): void {
    this.#noteEmpty(group);
  }

  #findOrCreate(name: string): Group<Attachment, Entry> {
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = new Group(ownText(name), this.#historyLimits, this);
      this.#groups.set(group.name, group);
    }
    return group;
  }

  #noteEmpty(group: Group<Attachment, Entry>): void {
    if (group.size > 0) return;
    const { name } = group;
    if (this.#historyLimits === undefined) {
      this.#groups.delete(name);
      return;
    }
    const { maxEmptyGroups, maxAgeMs } = this.#historyLimits;
    group.history?.touch();
    this.#emptyGroups.delete(name);
    this.#emptyGroups.add(name);
    const [longestEmpty] = this.#emptyGroups;
    if (this.#emptyGroups.size > maxEmptyGroups && longestEmpty !== undefined) this.#forget(longestEmpty);
    this.#sweep ??= setInterval(() => this.#forgetExpired(), Math.max(1000, maxAgeMs / 10)).unref();
  }

  #forgetExpired(): void {
    const nowMs = Date.now();
    for (const name of this.#emptyGroups) {
      if (this.#groups.get(name)?.history?.isExpired(nowMs) !== false) this.#forget(name);
    }
    if (this.#emptyGroups.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  #forget(name: string): void {
    this.#groups.delete(name);
    this.#emptyGroups.delete(name);
  }
}

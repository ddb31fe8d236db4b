import type { BaseChannel } from "../channel/base-channel.ts";
import type { HistoryLimits } from "../channel/limits.ts";
import { Group } from "./group.ts";

/**
 * The groups of one store by name, and which of them each channel is in.
 *
 * A channel leaves its groups by itself when it closes. An empty group disappears; with history it is kept for a while,
 * so that a member that comes back finds its position.
 */
export class GroupDirectory<Attachment, Entry> {
  readonly #historyLimits: HistoryLimits | undefined;
  readonly #groups = new Map<string, Group<Attachment, Entry>>();
  /**
   * Weak although members leave by themselves. With polls, which come and go with each message, a Map kept channels that
   * had left alive until the next full collection: an answer to a poll took 28 µs of CPU time, and 16 µs with this.
   */
  readonly #groupsOf = new WeakMap<BaseChannel, Set<string>>();
  /** Groups without members, the one left longest ago first. */
  readonly #emptyGroups = new Set<string>();
  #sweep: NodeJS.Timeout | undefined;

  constructor(historyLimits: HistoryLimits | undefined) {
    this.#historyLimits = historyLimits;
  }

  find(name: string): Group<Attachment, Entry> | undefined {
    return this.#groups.get(name);
  }

  /** Like `find`; with history, a group that is not there is made, since it has a position from now on. */
  findOrKeep(name: string): Group<Attachment, Entry> | undefined {
    if (this.#historyLimits === undefined) return this.#groups.get(name);
    const group = this.#findOrCreate(name);
    this.#noteEmpty(name, group);
    return group;
  }

  /** The names of the groups that have members. */
  names(): string[] {
    return [...this.#groups].filter(([, { size }]) => size > 0).map(([name]) => name);
  }

  join(name: string, channel: BaseChannel, attachment: Attachment): Group<Attachment, Entry> {
    const group = this.#findOrCreate(name);
    group.set(channel, attachment);
    this.#emptyGroups.delete(name);
    let names = this.#groupsOf.get(channel);
    if (names === undefined) {
      names = new Set();
      this.#groupsOf.set(channel, names);
      channel.onDeparture(this.#departed);
    }
    names.add(name);
    return group;
  }

  /** @returns whether the channel was in the group */
  leave(name: string, channel: BaseChannel): boolean {
    const names = this.#groupsOf.get(channel);
    if (names?.delete(name) !== true) return false;
    if (names.size === 0) {
      this.#groupsOf.delete(channel);
      channel.offDeparture(this.#departed);
    }
    this.#take(name, channel);
    return true;
  }

  /** One function for all channels: a closure for each member would be the largest part of its membership. */
  readonly #departed = (channel: BaseChannel): void => {
    for (const name of this.#groupsOf.get(channel) ?? []) this.#take(name, channel);
    this.#groupsOf.delete(channel);
  };

  #take(name: string, channel: BaseChannel): void {
    const group = this.#groups.get(name);
    if (group === undefined) return;
    group.delete(channel);
    this.#noteEmpty(name, group);
  }

  #findOrCreate(name: string): Group<Attachment, Entry> {
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = new Group(this.#historyLimits);
      this.#groups.set(name, group);
    }
    return group;
  }

  #noteEmpty(name: string, group: Group<Attachment, Entry>): void {
    if (group.size > 0) return;
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

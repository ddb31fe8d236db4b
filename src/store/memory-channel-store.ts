import { BaseChannel } from "../channel/base-channel.ts";
import { callHandler } from "../channel/call-handler.ts";
import type { Channel } from "../channel/channel.ts";
import { invalidArgument } from "../channel/errors.ts";
import { resolveHistoryLimits, resolveStoreLimits } from "../channel/limits.ts";
import { lookAt } from "../channel/look-at.ts";
import { type Message, ownText } from "../channel/message.ts";
import type { Payload } from "../channel/payload.ts";
import { takeOptions } from "../channel/take-options.ts";
import { BroadcastQueue } from "./broadcast-queue.ts";
import { type Batch, formatAsJson, noPromise, payloadOf } from "./format.ts";
import type { Group, Member } from "./group.ts";
import { GroupDirectory } from "./group-directory.ts";
import type { History } from "./history.ts";
import {
  type CheckedBroadcast,
  type CheckedJoin,
  checkBroadcast,
  checkJoin,
  type Policy,
} from "./check-store-options.ts";
import { contain, deliver } from "./deliver.ts";
import { NewestMessages } from "./newest-messages.ts";
import type { BroadcastFunction, BroadcastOptions, Joined, JoinOptions, StoreOptions } from "./options.ts";
import type { Position } from "./position.ts";

const optionNames = ["history", "format", "limits"] as const;

/** The attachment may be left out where it may be undefined. */
type JoinArguments<Attachment> = undefined extends Attachment
  ? [attachment?: Attachment, options?: JoinOptions]
  : [attachment: Attachment, options?: JoinOptions];

/**
 * Groups of channels with something to remember about each, in the memory of this process.
 *
 * A member leaves all its groups by itself when it closes. A broadcast is encoded once for each wire format, whatever the
 * number of members, and disturbs nobody when one of them fails.
 */
export class MemoryChannelStore<Attachment = undefined> {
  readonly #directory: GroupDirectory<Attachment, unknown>;
  readonly #queue = new BroadcastQueue<Member<Attachment>>();
  readonly #newest = new NewestMessages();
  readonly #hasHistory: boolean;
  readonly #maxGroupNameLength: number;
  readonly #format: (batch: Batch<unknown>) => unknown;

  /** @throws ChannelError `INVALID_ARGUMENT` for an unknown option, a limit that is none, and a format that is no function */
  constructor(options: StoreOptions = {}) {
    const { history = false, format = formatAsJson, limits = {} } = takeOptions("options", options, optionNames);
    if (typeof format !== "function") throw invalidArgument("format", "a function", format);
    this.#format = format;
    this.#hasHistory = history !== false;
    const { maxGroupsPerChannel, maxGroupNameLength } = resolveStoreLimits(limits);
    this.#maxGroupNameLength = maxGroupNameLength;
    this.#directory = new GroupDirectory(
      history === false ? undefined : resolveHistoryLimits(history === true ? {} : history),
      maxGroupsPerChannel,
    );
  }

  /**
   * Puts a channel into a group. Again: replaces its attachment. A closed channel is not taken in.
   *
   * With `since` the member is sent at once what it has missed, in one batch, or, if the history does not reach back, a
   * batch that says so; a parked poll is answered with it and so leaves again. If it missed nothing, nothing is sent. With
   * `last`, who comes without a position, or with one that is too old, is sent the latest messages in that batch; a channel
   * that is a member already is not, unless it comes with a position.
   *
   * @throws ChannelError `INVALID_ARGUMENT` for a channel that is not of channelkit, a group name that is no text or too
   *   long, and `since` and `last` without history, or that are no position and no amount; `TOO_MANY_GROUPS` for a channel
   *   that is in `limits.maxGroupsPerChannel` other groups of this store
   */
  add(group: string, channel: Channel, ...[attachment, options = {}]: JoinArguments<Attachment>): Joined {
    const joining = checkMember(channel);
    this.#checkGroup(group);
    const join = checkJoin(options, this.#hasHistory);
    if (!joining.isOpen) return { position: this.position(group), recovered: join.since === undefined };
    // The rest parameter makes the attachment optional only where undefined is one.
    const isMember = join.last > 0 && this.#directory.has(group, joining);
    const member = this.#directory.join(group, joining, attachment as Attachment);
    const { history } = member.group;
    // A member has had the latest: each was sent to it when it came.
    const wantsNothing = join.since === undefined && (join.last === 0 || isMember);
    if (wantsNothing || history === undefined) return { position: history?.position, recovered: true };
    // A function of the history may broadcast: that follows what it is a part of, and is not part of it.
    const recovered = this.#queue.hold(() => this.#catchUp(member, history, join));
    return { position: history.position, recovered };
  }

  /** Takes a channel out of a group. @returns whether it was in it */
  remove(group: string, channel: Channel): boolean {
    const leaving = checkMember(channel);
    this.#newest.forget(leaving, group);
    return this.#directory.leave(group, leaving);
  }

  /**
   * Sends a value to every member of a group: text as text, bytes as bytes, anything else as JSON.
   *
   * A function is called for each member with its attachment. Members are those of now; one that has closed is passed
   * over. What throws for one member is reported to its server and concerns no other. Large groups are served over
   * several turns, in the order of the broadcasts; what is sent to a channel itself meanwhile may come before it. To
   * close members after a message use `close`, and `whenBehind` for those that read too slowly.
   *
   * Bytes and objects are not copied: do not change them afterwards.
   *
   * @returns how many members it is for
   * @throws ChannelError `INVALID_ARGUMENT` for a promise, and a value that has no JSON form; nobody gets anything then
   */
  broadcast(
    group: string,
    value: BroadcastFunction<Attachment> | Message | object | number | boolean | null,
    options?: BroadcastOptions,
  ): number {
    this.#checkGroup(group);
    const checked = checkBroadcast(options, this.#hasHistory);
    if (isBroadcastFunction<Attachment>(value)) return this.#broadcastEach(group, value, checked);
    const { close, isKept, policy } = checked;
    const target = this.#directory.findOrKeep(group);
    if (target === undefined) {
      payloadOf(value);
      return 0;
    }
    const { members, size, history } = target;
    // Also that of one that is not kept: behind what members were caught up with, its position would take them back.
    const offset = history?.nextPosition.offset ?? Infinity;
    const payload = this.#record(target, value, isKept);
    this.#queue.run(members, ({ channel, caughtUpTo }) => {
      if (!channel.isOpen || offset <= caughtUpTo) return true;
      if (policy !== undefined && this.#isBehind(channel, policy)) return this.#pass(channel, group, payload, policy);
      deliver(channel, payload, close);
      // One that is closed after it writes at once, and calls its close handler.
      return channel.isOpen;
    });
    return size;
  }

  /** How many members a group has. */
  size(group: string): number {
    return this.#directory.find(group)?.size ?? 0;
  }

  /** The members of a group now, each with its attachment. */
  members(group: string): readonly (readonly [channel: Channel, attachment: Attachment])[] {
    const members = this.#directory.find(group)?.members ?? [];
    return members.flatMap((member) => (member === undefined ? [] : [[member.channel, member.attachment]]));
  }

  /** The names of the groups that have members. */
  groups(): string[] {
    return this.#directory.names();
  }

  /** The position of a group now, from which a client can start; undefined for a store without history. */
  position(group: string): Position | undefined {
    this.#checkGroup(group);
    return this.#directory.findOrKeep(group)?.history?.position;
  }

  #checkGroup(group: string): void {
    const most = this.#maxGroupNameLength;
    if (typeof group !== "string") throw invalidArgument("group", "a string", group);
    if (group.length > most) throw invalidArgument("group", `a string of at most ${most} characters`, group);
  }

  #broadcastEach(group: string, valueFor: BroadcastFunction<Attachment>, checked: CheckedBroadcast): number {
    const { close, isKept, policy } = checked;
    const target = this.#directory.findOrKeep(group);
    if (target === undefined) return 0;
    const { members, size, history } = target;
    const offset = history?.nextPosition.offset ?? Infinity;
    if (isKept) history?.append(valueFor, 0);
    const position = history?.position;
    this.#queue.run(members, ({ channel, attachment, caughtUpTo }) => {
      if (!channel.isOpen || offset <= caughtUpTo) return true;
      contain(channel, () => {
        const value = valueFor(channel, attachment);
        if (value === undefined) return;
        const payload = position === undefined ? payloadOf(value) : this.#formatOne(group, position, value);
        if (policy !== undefined && this.#isBehind(channel, policy)) this.#pass(channel, group, payload, policy);
        else deliver(channel, payload, close);
      });
      return false;
    });
    return size;
  }

  #isBehind(channel: BaseChannel, policy: Policy): boolean {
    return channel.isBehind || (policy.name === "newest" && this.#newest.isWaiting(channel));
  }

  /** Does with a message what is to be done for a member that is behind. @returns whether that took a short time */
  #pass(channel: BaseChannel, group: string, payload: Payload, policy: Policy): boolean {
    if (policy.name === "newest") {
      this.#newest.hold(channel, group, policy.key, payload);
      return channel.isOpen;
    }
    if (policy.name === "close") {
      contain(channel, () => (channel.cutOff === undefined ? channel.overflow() : channel.cutOff(payload)));
      return false;
    }
    const { onDrop } = policy;
    if (onDrop !== undefined) callHandler(channel, "onDrop", () => onDrop(channel));
    return onDrop === undefined;
  }

  /** Writes a value once for all, and remembers it if it is to be kept. */
  #record({ name, size, history }: Group<Attachment, unknown>, value: unknown, isKept: boolean): Payload {
    if (history === undefined) return payloadOf(value, size);
    const payload = this.#formatOne(name, isKept ? history.nextPosition : history.position, value, size);
    if (isKept) history.append(typeof value === "string" ? ownText(value) : value, payload.byteLength);
    return payload;
  }

  #formatOne(group: string, position: Position, value: unknown, readers = 1): Payload {
    const messages = [{ position, value: lookAt("a value to broadcast", value, () => noPromise(value)) }];
    return payloadOf(this.#format({ group, position, recovered: true, messages }), readers);
  }

  /** Sends a member what it has missed, or the latest. @returns whether the history reaches back as far as it asks */
  #catchUp(member: Member<Attachment>, history: History<unknown>, { since, last }: CheckedJoin): boolean {
    const { channel, attachment, group } = member;
    // All that was ever broadcast, also what is still on its way.
    const { position } = history;
    member.caughtUpTo = position.offset;
    const missed = since === undefined ? undefined : history.since(since);
    const recovered = since === undefined || missed !== undefined;
    const messages: { position: Position; value: unknown }[] = [];
    for (const { offset, value } of missed ?? history.last(last)) {
      const own = isBroadcastFunction<Attachment>(value)
        ? contain(channel, () => noPromise(value(channel, attachment)))
        : value;
      if (own !== undefined) messages.push({ position: { epoch: history.epoch, offset }, value: own });
    }
    // There are none, or functions have left this member out of all of them: then it has missed nothing.
    if (recovered && messages.length === 0) return true;
    const batch = { group: group.name, position, recovered, messages };
    contain(channel, () => deliver(channel, payloadOf(this.#format(batch)), undefined));
    return recovered;
  }
}

function isBroadcastFunction<Attachment>(value: unknown): value is BroadcastFunction<Attachment> {
  return typeof value === "function";
}

function checkMember(channel: Channel): BaseChannel {
  if (BaseChannel.isOne(channel)) return channel;
  throw invalidArgument("channel", "a channel that withChannel handed over", channel);
}

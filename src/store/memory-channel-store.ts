import { BaseChannel } from "../channel/base-channel.ts";
import type { Channel } from "../channel/channel.ts";
import { checkOptions } from "../channel/check-options.ts";
import { checkSendOptions } from "../channel/check-send-options.ts";
import { invalidArgument } from "../channel/errors.ts";
import { resolveHistoryLimits } from "../channel/limits.ts";
import type { Message } from "../channel/message.ts";
import type { Payload } from "../channel/payload.ts";
import { BroadcastQueue } from "./broadcast-queue.ts";
import { type Batch, formatAsJson, payloadOf } from "./format.ts";
import type { Group, Member } from "./group.ts";
import { GroupDirectory } from "./group-directory.ts";
import type { History } from "./history.ts";
import type { BroadcastFunction, BroadcastOptions, Joined, JoinOptions, StoreOptions } from "./options.ts";
import { checkPosition, type Position } from "./position.ts";

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
  readonly #hasHistory: boolean;
  readonly #format: (batch: Batch<unknown>) => unknown;

  /** @throws ChannelError `INVALID_ARGUMENT` for an unknown option, a limit that is none, and a format that is no function */
  constructor(options: StoreOptions = {}) {
    checkOptions("options", options, ["history", "format"]);
    const { history = false, format = formatAsJson } = options;
    if (typeof format !== "function") throw invalidArgument("format", "a function", format);
    this.#format = format;
    this.#hasHistory = history !== false;
    this.#directory = new GroupDirectory(
      history === false ? undefined : resolveHistoryLimits(history === true ? {} : history),
    );
  }

  /**
   * Puts a channel into a group. Again: replaces its attachment. A closed channel is not taken in.
   *
   * With `since` the member is sent at once what it has missed, in one batch, or, if the history does not reach back, a
   * batch that says so; a parked poll is answered with it and so leaves again. If it missed nothing, nothing is sent.
   *
   * @throws ChannelError `INVALID_ARGUMENT` for a channel that is not of channelkit, a group name that is no text, and
   *   `since` without history or that is no position
   */
  add(group: string, channel: Channel, ...[attachment, options = {}]: JoinArguments<Attachment>): Joined {
    const joining = checkMember(channel);
    checkGroup(group);
    checkOptions("options", options, ["since"]);
    const since = options.since === undefined ? undefined : this.#checkSince(options.since);
    if (!joining.isOpen) return { position: this.position(group), recovered: since === undefined };
    // The rest parameter makes the attachment optional only where undefined is one.
    const member = this.#directory.join(group, joining, attachment as Attachment);
    const { history } = member.group;
    if (since === undefined || history === undefined) return { position: history?.position, recovered: true };
    // A function of the history may broadcast: that follows what it is a part of, and is not part of it.
    const recovered = this.#queue.hold(() => this.#catchUp(member, history, since));
    return { position: history.position, recovered };
  }

  /** Takes a channel out of a group. @returns whether it was in it */
  remove(group: string, channel: Channel): boolean {
    return this.#directory.leave(group, checkMember(channel));
  }

  /**
   * Sends a value to every member of a group: text as text, bytes as bytes, anything else as JSON.
   *
   * A function is called for each member with its attachment. Members are those of now; one that has closed is passed
   * over. What throws for one member is reported to its server and concerns no other. Large groups are served over
   * several turns, in the order of the broadcasts; what is sent to a channel itself meanwhile may come before it. To
   * close members after a message use `close`.
   *
   * Bytes and objects are not copied: do not change them afterwards.
   *
   * @returns how many members it is for
   * @throws ChannelError `INVALID_ARGUMENT` for a value that has no JSON form; nobody gets anything then
   */
  broadcast(
    group: string,
    value: BroadcastFunction<Attachment> | Message | object | number | boolean | null,
    options?: BroadcastOptions,
  ): number {
    checkGroup(group);
    const close = checkSendOptions(options);
    if (isBroadcastFunction<Attachment>(value)) return this.#broadcastEach(group, value, close);
    const target = this.#directory.findOrKeep(group);
    if (target === undefined) {
      payloadOf(value);
      return 0;
    }
    const payload = this.#record(target, value);
    const { members, size, history } = target;
    const offset = history?.position.offset ?? Infinity;
    this.#queue.run(members, ({ channel, caughtUpTo }) => {
      if (!channel.isOpen || offset <= caughtUpTo) return true;
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
    checkGroup(group);
    return this.#directory.findOrKeep(group)?.history?.position;
  }

  #broadcastEach(group: string, valueFor: BroadcastFunction<Attachment>, close: boolean | undefined): number {
    const target = this.#directory.findOrKeep(group);
    if (target === undefined) return 0;
    const { members, size, history } = target;
    const position = history?.nextPosition;
    history?.append(valueFor, 0);
    this.#queue.run(members, ({ channel, attachment, caughtUpTo }) => {
      if (!channel.isOpen || (position !== undefined && position.offset <= caughtUpTo)) return true;
      contain(channel, () => {
        const value = valueFor(channel, attachment);
        if (value === undefined) return;
        deliver(channel, position === undefined ? payloadOf(value) : this.#formatOne(position, value), close);
      });
      return false;
    });
    return size;
  }

  /** Writes a value once for all, and remembers it. */
  #record(target: Group<Attachment, unknown>, value: unknown): Payload {
    const { history } = target;
    if (history === undefined) return payloadOf(value);
    const payload = this.#formatOne(history.nextPosition, value);
    history.append(value, payload.bytes.length);
    return payload;
  }

  #checkSince(since: Position): Position {
    if (!this.#hasHistory) throw invalidArgument("since", "left out: this store keeps no history", since);
    return checkPosition("since", since);
  }

  #formatOne(position: Position, value: unknown): Payload {
    return payloadOf(this.#format({ position, recovered: true, messages: [{ position, value }] }));
  }

  /** Sends a member what it has missed. @returns whether the history reaches back that far */
  #catchUp(member: Member<Attachment>, history: History<unknown>, since: Position): boolean {
    const { channel, attachment } = member;
    // All that was ever broadcast, also what is still on its way.
    const { position } = history;
    member.caughtUpTo = position.offset;
    const missed = history.since(since);
    if (missed?.length === 0) return true;
    const messages: { position: Position; value: unknown }[] = [];
    for (const { offset, value } of missed ?? []) {
      const own = isBroadcastFunction<Attachment>(value) ? contain(channel, () => value(channel, attachment)) : value;
      if (own !== undefined) messages.push({ position: { epoch: history.epoch, offset }, value: own });
    }
    // Functions may have left this member out of all of them: then it has missed nothing.
    if (missed !== undefined && messages.length === 0) return true;
    const batch = { position, recovered: missed !== undefined, messages };
    contain(channel, () => deliver(channel, payloadOf(this.#format(batch)), undefined));
    return missed !== undefined;
  }
}

function deliver(channel: BaseChannel, payload: Payload, close: boolean | undefined): void {
  contain(channel, () =>
    channel.sendShared(payload, close ?? (channel.closesBySend && channel.kind === "long-polling")),
  );
}

function isBroadcastFunction<Attachment>(value: unknown): value is BroadcastFunction<Attachment> {
  return typeof value === "function";
}

/** Keeps what goes wrong for one member from all others. */
function contain<Result>(channel: BaseChannel, run: () => Result): Result | undefined {
  try {
    return run();
  } catch (cause) {
    channel.handlerFailed("broadcast", cause);
    return undefined;
  }
}

function checkMember(channel: Channel): BaseChannel {
  if (channel instanceof BaseChannel) return channel;
  throw invalidArgument("channel", "a channel that withChannel handed over", channel);
}

function checkGroup(group: string): void {
  if (typeof group !== "string") throw invalidArgument("group", "a string", group);
}

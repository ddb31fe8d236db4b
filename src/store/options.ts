import type { Channel } from "../channel/channel.ts";
import type { HistoryLimits, StoreLimits } from "../channel/limits.ts";
import type { Batch } from "./format.ts";
import type { Position } from "./position.ts";

/** A value for each member: undefined leaves the member out. */
export type BroadcastFunction<Attachment> = (channel: Channel, attachment: Attachment) => unknown;

/** What a store keeps, and how it writes it. */
export type StoreOptions = {
  /** Keeps the last messages of each group for members that come back. Default: nothing is kept. */
  readonly history?: Partial<HistoryLimits> | boolean;
  /** Bounds that differ from `defaultStoreLimits`. */
  readonly limits?: Partial<StoreLimits>;
  /**
   * Writes messages with their positions, for a store with history: text or bytes, or what is to be sent as JSON.
   *
   * Called once for a broadcast and once for a member that comes back. Default: `{ group, epoch, offset, recovered, messages }`.
   */
  readonly format?: (batch: Batch<unknown>) => unknown;
};

/** How a member joins. */
export type JoinOptions = {
  /**
   * What the member has seen; null as undefined: it does not say. It is sent what it missed, or that this is not known any
   * more. Read what a client sends with `decodePosition`: values of another type than those of a position are refused.
   */
  readonly since?: Position | null | undefined;
  /**
   * How many of the latest messages the member is sent if it comes without a position, or with one that is not known any
   * more: an integer of at least 1. Default: none.
   */
  readonly last?: number | undefined;
};

/**
 * What becomes of a message for a member that is behind: for which `softBufferedBytes` or more wait, as `bufferedAmount`
 * tells. A parked poll never is; a session is while its client has not acknowledged as much, be it there or away.
 *
 * `"wait"`: it waits, and beyond `maxBufferedBytes` the member closes with `overflow`. `"close"`: the member closes at once
 * with `overflow`; a session keeps the message, loses its transport, if it has one, with 4003, and can be resumed.
 * `"drop"`: the member does not get it. `{ newest: key }`: the newest of each key waits, and comes when the member is behind
 * no more; for more than `maxNewestKeys` or `maxNewestBytes` it closes with `overflow`, a session, too.
 */
export type WhenBehind = "wait" | "close" | "drop" | { readonly newest: string };

/** How a broadcast goes out. */
export type BroadcastOptions = {
  /**
   * Whether members are closed after it. Default: parked polls are, since one answer is all they take; streams and
   * WebSockets stay.
   */
  readonly close?: boolean;
  /**
   * False: it is not kept, and has the position of the message before. Members of now get it, and whoever comes back does
   * not: who is typing, for example. Default: true, in a store with history.
   */
  readonly history?: boolean;
  /**
   * What a member gets that reads too slowly. Default: `"wait"`. `"drop"` needs `history: false` in a store with history,
   * and `newest` a store without one: positions have no gaps, and never go back.
   */
  readonly whenBehind?: WhenBehind;
  /** Called with each member that does not get a message for `whenBehind: "drop"`. What it throws is reported. */
  readonly onDrop?: (channel: Channel) => unknown;
};

/** How joining went. */
export type Joined = {
  /** The position of the group now; undefined without history. */
  readonly position: Position | undefined;
  /** False when the member came with a position that the history does not reach back to. */
  readonly recovered: boolean;
};

import type { ChannelKind } from "../channel/channel-kind.ts";
import type { ResetReason } from "../protocol/control-record.ts";

/** What a client is doing. */
export type ClientStatus =
  /** It dials, over this transport last; those before it may still answer. */
  | {
      readonly state: "connecting";
      readonly kind: ChannelKind;
      /** Counts from 1, and again from 1 after each time that the channel was open. */
      readonly attempt: number;
    }
  /** A transport carries the session: the first time, after a loss, or instead of another one. */
  | {
      readonly state: "open";
      readonly kind: ChannelKind;
      /** Whether nothing is missing and nothing doubled. False the first time, too. */
      readonly resumed: boolean;
      /** Why it is not resumed, or `closed` if the server ended the session and let the client come back. Undefined the first time. */
      readonly reason: ResetReason | "closed" | undefined;
      /** Messages of the old session that may have arrived or not. Those that were never sent are sent now. */
      readonly uncertain: number;
    }
  /** No transport works. */
  | {
      readonly state: "waiting";
      /** The number of the attempt that failed, of all transports. 0: what had carried the channel for ten seconds or more was lost. */
      readonly attempt: number;
      /** When it dials again. */
      readonly retryInMs: number;
      /** What ended the last transport. */
      readonly cause: string;
    }
  /** It is over. */
  | { readonly state: "closed"; readonly code: number; readonly reason: string };

/** One line of the story that `explain()` tells. */
export type TimelineEntry = {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** The transport. */
  readonly kind: ChannelKind;
  /** It was dialled, it carries the session, or it was left. */
  readonly event: "dialled" | "carries" | "left";
  /** Why it was left, with the code that says so; else empty. */
  readonly cause: string;
};

import type { Channel } from "../channel/channel.ts";
import type { PresenceHandler } from "./presence.ts";

/**
 * A conversation that outlives its transports: a `Channel` like any other, until the session ends.
 *
 * `kind` and `isWebSocket` are those of what carries it now, or did last; `bufferedAmount` is what the client has not
 * acknowledged; a send never closes it unless it says so; `status` and `headers` of what is sent are dropped. `close` with
 * a code from 4100 to 4499 invites the client to open a new session, which it does at once; after any other it stays away.
 * Codes from 4000 to 4099 and from 4500 to 4599 are of the protocol, and throw `INVALID_ARGUMENT`.
 */
export type SessionChannel<User = undefined> = Channel & {
  /** Whose session it is: what `authorize` said at the latest attach. */
  readonly attachment: User;
  /** The subprotocol that was chosen when it was opened, of those that the client offers and `accept` was given; else empty. */
  readonly protocol: string;
  /**
   * Whether a transport of the client carries the session now. False once the channel is closed, and true when `use` is
   * called.
   *
   * A client that leaves without a word counts as there until it has been silent for `pingIntervalMs` and `pongTimeoutMs`;
   * one that polls, also between two polls, for `pollHoldMs` and `pongTimeoutMs`, and one that has left a poll while it was
   * held, or whose right has ended, for `pollReturnMs`.
   */
  readonly isPresent: boolean;

  /**
   * Sets the handler that is told when the client has left and when it is back, and of the end by nothing but `onClose`.
   *
   * It is called at once if the client is away already, else with changes only, one call at a time: what comes and goes
   * while its promise is pending, or in one turn, is not told. It does not wait for receive handlers. What it throws is
   * reported and disturbs nothing.
   *
   * @throws ChannelError `HANDLER_ALREADY_SET` on the second call; `INVALID_ARGUMENT` for what is no function
   */
  onPresence(handler: PresenceHandler): void;
};

/** What an application does with the channel of a session, once for each. */
export type UseSession<User> = (channel: SessionChannel<User>) => unknown;

/** What a request may open a session with. */
export type SessionTerms<User> = {
  readonly use: UseSession<User>;
  /** The subprotocols that the application speaks, the best first. */
  readonly protocols: readonly string[];
};

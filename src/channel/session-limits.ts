// Beside the other limits, and not among them: clients need these, and should not have to load those of a server.

/** Bounds of a session. Its bytes are those of messages, and {@link messageOverheadBytes} for each. */
export type SessionLimits = {
  /**
   * Bytes that a client on a transport may be behind in what it acknowledges.
   * Over it: the transport ends with 4003; the session stays, and ends with the next send while the client is away.
   */
  readonly maxUnacknowledgedBytes: number;
  /**
   * Bytes kept for all clients on a transport, until they acknowledge them. A message that one broadcast sends to several
   * counts for each its part of the bytes, and 16 more.
   * Over it: the transport of the client for which the most is kept ends with 4003, one after the other, until no more than
   * seven eighths are kept; their sessions stay, and count for `maxTotalReplayBytes`.
   */
  readonly maxTotalUnacknowledgedBytes: number;
  /** Bytes kept for a client that is away. Over it: the session ends, status `overflow`. */
  readonly maxReplayBytes: number;
  /** Messages kept for a client that is away. Over it: the session ends, status `overflow`. */
  readonly maxReplayMessages: number;
  /**
   * How long a session waits for a client that is away, or for the ack of its end, in milliseconds.
   * Over it: the session ends.
   */
  readonly resumeWindowMs: number;
  /**
   * Bytes kept in one process for all clients that are away, and for each 2048 more and what its first request had, which
   * is kept with its channel: header lines, target and body.
   * Over it: the session that is left longest ends, of those with more than `maxReplayBytes` first, status `overflow`.
   */
  readonly maxTotalReplayBytes: number;
  /** Sessions of a server, whether their clients are there or away. Over it: the one that is left longest ends; if none is, 4006. */
  readonly maxSessions: number;
  /**
   * Sessions of one user, by what `identify` says, whether their clients are there or away; without `authorize` they are
   * not counted by user. Over it: the user's own that is left longest ends, status `overflow`; if none is, 4006.
   */
  readonly maxSessionsPerOwner: number;
  /**
   * Sessions from one address, as `remoteAddress` tells it, of IPv6 from one /64. Behind proxies that `trustProxy` does not
   * name, all clients share one. Over it: the one from there that is left longest ends, status `overflow`; if none is, 4006.
   */
  readonly maxSessionsPerAddress: number;
  /**
   * New sessions from one address in a second, of IPv6 from one /64; ten times as many may come at once. Behind proxies that
   * `trustProxy` does not name, all clients share one. Over it: 4006, at which the client comes back.
   */
  readonly maxNewSessionsPerAddress: number;
  /**
   * How often a session is attached to in a minute, over whatever transport; as many may come at once.
   * Over it: the attach is refused with 4006, the session stays as it is, and the client comes back.
   */
  readonly maxAttachesPerMinute: number;
  /** Sessions that are over and of which it is known why. Over it: an attach to the oldest is told `expired`. */
  readonly maxEndedSessions: number;
  /** Messages that came and are not acknowledged. At it: they are acknowledged. */
  readonly ackMessages: number;
  /** Bytes of messages that came and are not acknowledged, text counted as three bytes for a UTF-16 unit. At it: they are acknowledged. */
  readonly ackBytes: number;
  /** How long a message may stay without being acknowledged, in milliseconds. At it: it is acknowledged. */
  readonly ackDelayMs: number;
  /** Silence of a client, in milliseconds, or up to a fifth less; 0 turns pings off. At it: the client is pinged. */
  readonly pingIntervalMs: number;
  /** How long a ping may stay without anything in answer, in milliseconds. Over it: the transport ends with 4002. */
  readonly pongTimeoutMs: number;
  /** How long a poll is held, in milliseconds, or up to a fifth less. At it: it is answered without a message. */
  readonly pollHoldMs: number;
  /**
   * How long a client that has left a poll before its answer, or the attach that it polls with, may be without another
   * poll, and one whose right has ended without a new one, in milliseconds.
   * Over it: it counts as away, as one does whose stream or WebSocket ends.
   */
  readonly pollReturnMs: number;
  /** How long a stream may be without a byte, in milliseconds. At it: an ack is written. */
  readonly streamTickMs: number;
  /**
   * Largest message taken from a client, in bytes. Over it: the session ends with 4503, status `message-too-big`.
   * `accept` throws if it is over `maxMessageBytes` of the server, or less than 32 KiB under its `maxBodyBytes`.
   */
  readonly maxMessageBytes: number;
  /** How long a WebSocket may take until it attaches, in milliseconds. Over it: it ends with 4007. */
  readonly attachTimeoutMs: number;
  /**
   * Attaches that wait for `authorize`, each for `authorizeTimeoutMs`, those of clients that have left meanwhile among them.
   * Over it: the attach is refused with 4006, `authorize` is not asked, and the client comes back.
   */
  readonly maxPendingAttaches: number;
  /** How long `authorize` may take, in milliseconds. Over it: the attach is refused with 4006, and it is reported. */
  readonly authorizeTimeoutMs: number;
};

/** What a request has room for beside a message: the control record before it may have 16 KiB. */
export const requestRoomBytes: number = 32 * 1024;

/** The defaults of a session. */
export const defaultSessionLimits: SessionLimits = {
  // As much as waits for a client of a plain channel.
  maxUnacknowledgedBytes: 1024 * 1024,
  // As much as waits for all clients of a server in its sockets.
  maxTotalUnacknowledgedBytes: 256 * 1024 * 1024,
  // SignalR keeps 100 000 bytes; at 1 KiB a message, this and the next bound are alike.
  maxReplayBytes: 256 * 1024,
  // As many of the smallest as `drained()` lets wait: who waits for it goes over neither bound.
  maxReplayMessages: 1024,
  // Socket.IO's and Ably's window.
  resumeWindowMs: 120_000,
  maxTotalReplayBytes: 64 * 1024 * 1024,
  // More than twice as many as there are connections: a client that comes back on another network leaves one behind.
  maxSessions: 50_000,
  // Tabs and devices of a person, with what each left behind, are tens; an account that many machines share has hundreds.
  maxSessionsPerOwner: 1000,
  // As many as there are connections by default, since all may come from one proxy; what those leave behind ends first.
  maxSessionsPerAddress: 20_000,
  // All of one proxy's come at once when a server starts anew; 2000 is what a process gets done in a second.
  maxNewSessionsPerAddress: 2000,
  // A client dials three transports, and waits twice as long each time that all of them break at once: on the worst network
  // of the tests it attaches about twice in a second at first.
  maxAttachesPerMinute: 600,
  maxEndedSessions: 10_000,
  ackMessages: 64,
  // Half of `softBufferedBytes`, so that a sender that waits at that for room is always let go on.
  ackBytes: 32 * 1024,
  // SignalR's.
  ackDelayMs: 1000,
  pingIntervalMs: 25_000,
  pongTimeoutMs: 10_000,
  // Under the idle limits of 30 s that are common in proxies.
  pollHoldMs: 20_000,
  // A client that polls anew does so at once; a phone that changes its network takes a few seconds.
  pollReturnMs: 5_000,
  streamTickMs: 15_000,
  // A request body of 1 MiB holds it, and `requestRoomBytes`.
  maxMessageBytes: 1024 * 1024 - 32 * 1024,
  attachTimeoutMs: 10_000,
  // As many as requests whose handler has not answered: all of them may be attaches.
  maxPendingAttaches: 10_000,
  authorizeTimeoutMs: 10_000,
};

/** What a session counts beside its messages and its first request while its client is away: about what it takes in V8. */
export const sessionOverheadBytes = 2048;

/** What a message counts beside its own bytes, so that empty ones are bounded, too: about what its entry takes in V8. */
export const messageOverheadBytes = 64;

/** Longest name of a user, in UTF-16 units: mail addresses and the subjects of tokens have a quarter of it. Over it: the user is refused. */
export const maxOwnerLength = 1024;

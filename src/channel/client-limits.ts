// Beside the other limits, and not among them: browsers load these, and should not have to load those of a server.

/** Bounds of a client. Its bytes are those of messages, and 64 for each. */
export type ClientLimits = {
  /**
   * Bytes that wait for the server, and are sent or not, but not acknowledged. One message into an empty queue is always
   * taken. Over it: `send` returns false and takes nothing.
   */
  readonly maxQueuedBytes: number;
  /** Messages that wait for the server. Over it: `send` returns false and takes nothing. */
  readonly maxQueuedMessages: number;
  /** Bytes that wait for the server while an application should send no more. At it: `drained()` waits. */
  readonly softQueuedBytes: number;
  /** Largest message taken from the server over HTTP, in bytes. Over it: the transport ends, and is dialled again. */
  readonly maxReceivedBytes: number;
  /**
   * The least that a transport may take to answer, in milliseconds; else it is twice what the last one took.
   * Over it: the next transport starts beside it.
   */
  readonly fallbackDelayMs: number;
  /** How long a transport may take to answer an attach, in milliseconds. Over it: it is given up. */
  readonly attachTimeoutMs: number;
  /** The longest first wait before the client dials again, in milliseconds; it doubles with each failure. At it: it dials. */
  readonly reconnectDelayMs: number;
  /** The longest wait before the client dials again, in milliseconds. At it: it dials. */
  readonly maxReconnectDelayMs: number;
  /** Attempts that fail in a row, each of all transports. At it: the channel closes with 1006. */
  readonly maxAttempts: number;
  /** How long a session stays on a transport that is not the best, in milliseconds; it doubles. At it: a better one is tried beside it. */
  readonly climbDelayMs: number;
  /**
   * How long a transport that did not work is not dialled first, in milliseconds, and the longest time between two attempts
   * to get back to it. At it: it is dialled first again.
   */
  readonly downgradeMs: number;
  /** How long the messages that were sent before a `close` may take, in milliseconds. Over it: they are dropped. */
  readonly resumeWindowMs: number;
};

/** The defaults of a client. */
export const defaultClientLimits: ClientLimits = {
  // As much as waits for a client of a channel on the server.
  maxQueuedBytes: 1024 * 1024,
  maxQueuedMessages: 10_000,
  softQueuedBytes: 64 * 1024,
  maxReceivedBytes: 64 * 1024 * 1024,
  // Happy Eyeballs (RFC 8305 §5) waits as long before it tries the next address.
  fallbackDelayMs: 250,
  // As long as the server waits for an attach.
  attachTimeoutMs: 10_000,
  // Centrifugo's are 0.5 s and 20 s.
  reconnectDelayMs: 200,
  maxReconnectDelayMs: 20_000,
  maxAttempts: Infinity,
  climbDelayMs: 10_000,
  downgradeMs: 300_000,
  resumeWindowMs: 120_000,
};

/** Largest message of a client, in bytes, until the server has said what it takes: the server's default. Over it: `send` throws. */
export const maxMessageBytes: number = 1024 * 1024 - 32 * 1024;
/** Entries that `explain()` tells of. Over it: the oldest is dropped. */
export const maxTimelineEntries = 100;
/** How long the server may take to answer after the machine has slept, in milliseconds. Over it: the client dials again. */
export const probeTimeoutMs = 2000;

/** Bounds of a WebSocket over a session, where they are others than those of a client. */
export type WebSocketLimits = {
  /**
   * Bytes that wait for the server, and are sent or not, but not acknowledged. One message into an empty queue is always
   * taken. Over it: the WebSocket fails, with 1006.
   */
  readonly maxQueuedBytes: number;
};

/** The defaults of a WebSocket over a session. */
export const defaultWebSocketLimits: WebSocketLimits = {
  // A library never asks whether there is room. Sixteen messages of the largest size that a server takes by default.
  maxQueuedBytes: 16 * 1024 * 1024,
};

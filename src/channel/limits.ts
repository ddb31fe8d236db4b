import { invalidArgument } from "./errors.ts";
import { takeOptions } from "./take-options.ts";
import { defaultSessionLimits, type SessionLimits } from "./session-limits.ts";

/**
 * Every bound of the library, once. A number outside its range throws when the server is made.
 *
 * `docs/limits.md` is made from this file: what is bounded, then "Over it" or "At it" what happens.
 */
export type Limits = {
  /** Largest message taken from a WebSocket, in bytes, and never more than Node's longest string has, about 512 MiB; of a compressed one, inflated. Over it: Close 1009, status `message-too-big`. */
  readonly maxMessageBytes: number;
  /** Most fragments of one message, empty ones included. Over it: Close 1008, status `policy-violation`. */
  readonly maxFragments: number;
  /** Most pieces that are held of one unfinished frame, above 4 KiB; smaller ones are held in one. Over it: Close 1008, status `policy-violation`. */
  readonly maxBufferedChunks: number;
  /** Largest request body, in bytes; it is read whole before the handler runs. Over it: 413 and the connection closes. */
  readonly maxBodyBytes: number;
  /** Longest request line or header line with its line end, in bytes. Over it: 414 and the connection closes. */
  readonly maxLineBytes: number;
  /** All header lines of a request and its request line, in bytes. Over it: 431 and the connection closes. */
  readonly maxHeaderBytes: number;
  /** Most header lines of a request. Over it: 431 and the connection closes. */
  readonly maxHeaders: number;
  /** Requests whose handler runs and has neither answered nor taken the channel. Over it: 503, the connection stays. */
  readonly maxPendingRequests: number;
  /** Bytes that a client may send behind a request that is not answered yet. Over it: the connection is dropped. */
  readonly maxPipelinedBytes: number;
  /** Requests that a client may send behind one that is not answered yet. Over it: the connection is dropped. */
  readonly maxPipelinedRequests: number;
  /** Connections of the server in total. Over it: 503 and the connection closes; over twice as many: it is cut. */
  readonly maxConnections: number;
  /**
   * Connections from one socket address, of IPv6 from one /64; behind a proxy all clients share one, hence a default as
   * large as the total.
   * Over it: 503 and the connection closes; over twice as many: it is cut.
   */
  readonly maxConnectionsPerAddress: number;
  /**
   * Bytes that wait for a client while an application should send no more.
   * At it: `drained()` waits, and `whenBehind` of a broadcast says what becomes of a message.
   */
  readonly softBufferedBytes: number;
  /**
   * Most bytes that wait for a client. One send into an empty queue is always accepted, whatever its size.
   * Over it: the channel closes with status `overflow` (WebSocket: Close 1013; HTTP: the connection is cut).
   */
  readonly maxBufferedBytes: number;
  /**
   * Bytes that wait for the network in all channels and responses of a server together, of a session those that its transport
   * has taken; and those of sends that stand behind a stream body, with 270 for each.
   * What has ended, as an answer that is complete, and the newest of keys do not count.
   * Over it: the channel for which the most wait closes with status `overflow`, and its connection is cut, one after the
   * other, until it is no more; a session stays, but for one with the most behind a stream body.
   */
  readonly maxTotalBufferedBytes: number;
  /** Messages that wait for a slow receive handler. At it: reading pauses, so that the client waits. */
  readonly maxQueuedMessages: number;
  /** Bytes of messages that wait for a slow receive handler. At it: reading pauses. */
  readonly maxQueuedBytes: number;
  /**
   * Messages from a client in a second, of a session by whatever transport. Over a WebSocket frames count, with those of pings
   * and of a session's acks, and messages where it compresses. As many more may come at once, and what one read has, up to 64 KiB.
   * Over it: reading pauses until the client is within it again; nothing is lost.
   */
  readonly maxMessagesPerSecond: number;
  /**
   * How long reading may stay paused without a handler finishing, in milliseconds.
   * Over it: Close 1013, status `overflow`.
   */
  readonly receiveStallTimeoutMs: number;
  /** How long the close handler waits for the receive handler, in milliseconds. Over it: it is called all the same. */
  readonly closeGraceMs: number;
  /** How long a WebSocket waits for the answer to its Close frame, in milliseconds. Over it: the connection is cut. */
  readonly closeTimeoutMs: number;
  /**
   * How long the input of a connection that ends is thrown away, so that its client can read the last answer, in
   * milliseconds. Over it: the connection is cut.
   */
  readonly lingerTimeoutMs: number;
  /** Silence of a WebSocket, in milliseconds, or up to a fifth less; 0 turns pings off. At it: the client is pinged. */
  readonly pingIntervalMs: number;
  /** How long a ping may stay without any byte in answer, in milliseconds. Over it: cut, status `abnormal`. */
  readonly pongTimeoutMs: number;
  /**
   * How long a connection may stay open between two requests, or take nothing of a complete answer, in milliseconds; one
   * whose request is parked or streams has no limit. Over it: the connection closes.
   */
  readonly idleTimeoutMs: number;
  /** How long the header lines of a request may take, in milliseconds. Over it: 408 and the connection closes. */
  readonly headersTimeoutMs: number;
  /**
   * How long a whole request with its body may take to arrive, in milliseconds. Over it: 408 and the connection closes.
   */
  readonly requestTimeoutMs: number;
};

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Node runs a timer that is set for longer at once. */
export const longestTimerMs: number = 2 ** 31 - 1;

/** The defaults, each with the reason for its size. */
export const defaultLimits: Limits = {
  // http-kit 4 MB, ws 100 MiB, engine.io 1 MB: what a chat, a cursor or a token needs is far below all of them.
  maxMessageBytes: mebibyte,
  // A client that fragments for streaming sends kilobytes a fragment: 1024 of them carry the largest message.
  maxFragments: 1024,
  maxBufferedChunks: 16_384,
  maxBodyBytes: mebibyte,
  // http-kit and most proxies: 8 KiB a line, 64 KiB for all of them.
  maxLineBytes: 8 * kibibyte,
  maxHeaderBytes: 64 * kibibyte,
  // Browsers send about 20; proxies add a handful.
  maxHeaders: 100,
  maxPendingRequests: 10_000,
  // http-kit holds as much for a connection, then stops reading; stopping would hide that the client has left.
  maxPipelinedBytes: 64 * kibibyte,
  maxPipelinedRequests: 100,
  // A common limit of descriptors for one process.
  maxConnections: 20_000,
  maxConnectionsPerAddress: 20_000,
  // uWebSockets and Centrifugo use these two.
  softBufferedBytes: 64 * kibibyte,
  maxBufferedBytes: mebibyte,
  // A quarter of the smallest machines that serve; 256 clients at the bound of one.
  maxTotalBufferedBytes: 256 * mebibyte,
  maxQueuedMessages: 64,
  maxQueuedBytes: mebibyte,
  // Above the 12 000 that a client of the benchmark sends, which waits for its echoes; who types or draws sends under 100.
  maxMessagesPerSecond: 20_000,
  receiveStallTimeoutMs: 30_000,
  closeGraceMs: 2_000,
  closeTimeoutMs: 5_000,
  lingerTimeoutMs: 5_000,
  // Under the idle limits of 30 s that are common in proxies.
  pingIntervalMs: 25_000,
  pongTimeoutMs: 10_000,
  // Above the 60 s for which common balancers keep a connection, so that it is they who close it.
  idleTimeoutMs: 75_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
};

/**
 * How long one turn may spend on writing to many channels before it lets other work run. Milliseconds.
 *
 * A write is a system call of about 4 µs, so 10 000 of them would hold the event loop for 40 ms or more.
 */
export const turnBudgetMs = 10;

/**
 * How long the head of a response waits for the first piece of its body. Milliseconds.
 *
 * A source that fails within this time is answered with an error instead of a response that breaks off. Longer, and
 * readers that wait for the head, as an `EventSource` does before it is open, would wait for the first event.
 */
export const streamHeadDelayMs = 50;

/**
 * How many sends may wait behind a stream, besides `maxBufferedBytes` for what they hold. Over it: as over that.
 *
 * With {@link waitingSendBytes} each, these take as much memory as the default lets wait.
 */
export const mostWaitingSends = 4096;

/** About what a send that waits behind a stream takes in V8, besides its own bytes. */
export const waitingSendBytes = 270;

/**
 * How many records of one request of a session are read. What is behind them comes again with the next request, as for a
 * session that has no room: the answer says how much was taken.
 *
 * A body of 1 MiB holds 350 000 empty messages, which kept everything else waiting for half a second; so many take a few
 * milliseconds.
 */
export const mostRecordsPerRequest = 4096;

/** Bounds of the groups of a store. */
export type StoreLimits = {
  /** Groups that one channel is in. Over it: `add` throws `TOO_MANY_GROUPS`, and the channel stays in those it is in. */
  readonly maxGroupsPerChannel: number;
  /** Longest name of a group, in UTF-16 units. Over it: `add`, `broadcast` and `position` throw `INVALID_ARGUMENT`. */
  readonly maxGroupNameLength: number;
};

/** The defaults of a store. */
export const defaultStoreLimits: StoreLimits = {
  // Centrifugo takes 128; what a page of a dashboard follows is hundreds at times.
  maxGroupsPerChannel: 1024,
  // Names often hold what clients say. Centrifugo takes 255; one that holds a URL is longer.
  maxGroupNameLength: 1024,
};

/** Messages that wait, the newest of each key, for a member of groups that is behind. Over it: it closes, status `overflow`. */
export const maxNewestKeys = 1024;

/** Their bytes, with {@link newestOverheadBytes} and the key for each: as many as wait for a client. Over it: the same. */
export const maxNewestBytes: number = mebibyte;

/** About what its entry takes in V8. */
export const newestOverheadBytes = 128;

/** Bounds of the history that a store keeps for each group, and of how many groups it keeps it for. */
export type HistoryLimits = {
  /** Messages kept for a group. Over it: the oldest is forgotten. */
  readonly maxMessages: number;
  /** Messages kept for a group, in bytes as they go out. Over it: the oldest is forgotten. */
  readonly maxBytes: number;
  /** How long a message is kept, and the position of an empty group, in milliseconds. Over it: it is forgotten. */
  readonly maxAgeMs: number;
  /** Groups without members whose history is kept. Over it: that of the group left longest ago is forgotten. */
  readonly maxEmptyGroups: number;
};

/** The defaults of a store that keeps a history. */
export const defaultHistoryLimits: HistoryLimits = {
  maxMessages: 1000,
  maxBytes: mebibyte,
  // Centrifugo's window; a phone that was in a tunnel or a lift comes back within it.
  maxAgeMs: 300_000,
  maxEmptyGroups: 10_000,
};

/** Which messages are compressed for a client that has agreed to permessage-deflate. */
export type CompressionLimits = {
  /** Smallest message that is compressed, in bytes. At it: compressed, if that makes it smaller; below, sent as it is. */
  readonly minBytes: number;
  /** Largest message that is compressed, in bytes; meanwhile no other work is done. Over it: sent as it is. */
  readonly maxBytes: number;
};

/** The defaults of a server that compresses. */
export const defaultCompressionLimits: CompressionLimits = {
  // Below, it saves no packet. The threshold of ws is the same.
  minBytes: kibibyte,
  // 2 ms of JSON, a fifth of the budget of a turn.
  maxBytes: 256 * kibibyte,
};

/** Most bytes that one byte of a compressed message may become; JSON that is a list of alike objects comes to 20. */
export const maxInflationRatio = 100;

/** Up to this size a message may become larger than `maxInflationRatio` allows: short ones are of equal bytes at times. */
export const freeInflatedBytes: number = 64 * kibibyte;

/** Fills in the defaults. Throws `INVALID_ARGUMENT` for a name that is no limit and for a number that is no amount. */
export function resolveLimits(given: Partial<Limits> = {}): Limits {
  return fillIn(given, defaultLimits, "limits");
}

/** As {@link resolveLimits}, for the history of a store. */
export function resolveHistoryLimits(given: Partial<HistoryLimits>): HistoryLimits {
  return fillIn(given, defaultHistoryLimits, "history");
}

/** As {@link resolveLimits}, for the groups of a store. */
export function resolveStoreLimits(given: Partial<StoreLimits>): StoreLimits {
  return fillIn(given, defaultStoreLimits, "limits");
}

/** As {@link resolveLimits}, for the compression of a server. Throws for bounds between which there is nothing, too. */
export function resolveCompressionLimits(given: Partial<CompressionLimits>): CompressionLimits {
  const limits = fillIn(given, defaultCompressionLimits, "compression");
  const { minBytes, maxBytes } = limits;
  // No message would be compressed.
  if (minBytes > maxBytes) throw invalidArgument("compression.minBytes", `at most maxBytes, ${maxBytes}`, minBytes);
  return limits;
}

/** As {@link resolveLimits}, for sessions. */
export function resolveSessionLimits(given: Partial<SessionLimits>): SessionLimits {
  return fillIn(given, defaultSessionLimits, "limits");
}

function fillIn<Numbers extends object>(given: Partial<Numbers>, defaults: Numbers, argument: string): Numbers {
  const filled = { ...defaults };
  const names = Object.keys(defaults) as (keyof Numbers & string)[];
  for (const [name, value] of Object.entries(takeOptions<Partial<Numbers>>(argument, given, names))) {
    const lowest = name === "pingIntervalMs" ? 0 : 1;
    const highest = name.endsWith("Ms") ? longestTimerMs : Number.MAX_SAFE_INTEGER;
    if (typeof value !== "number" || !Number.isInteger(value) || value < lowest || value > highest) {
      throw invalidArgument(`${argument}.${name}`, `an integer from ${lowest} to ${highest}`, value);
    }
    Object.assign(filled, { [name]: value });
  }
  return filled;
}

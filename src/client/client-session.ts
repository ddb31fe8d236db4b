import type { Timer } from "./clock.ts";
import type { ClientLimits } from "../channel/client-limits.ts";
import type { Message } from "../channel/message-type.ts";
import type {
  AttachedRecord,
  AttachMode,
  CloseRecord,
  ControlRecord,
  ResetReason,
} from "../protocol/control-record.ts";
import type { SessionRecord } from "../protocol/record-codec.ts";
import type { Transport } from "../session/transport.ts";

/** One transport that carries the session, or did, or asks to. Numbers are counted here, in both directions. */
export type ClientTransport = Transport & {
  /** Over HTTP. */
  readonly mode: AttachMode | undefined;
  /** The number of the attach that it belongs to. It may attach again. */
  attach: number;
  /** The number of the item that is taken next. */
  nextOutgoing: number;
  /** The number of the message that comes next. 0 while it attaches again: what comes is about the attach before. */
  nextIncoming: number;
  /** It is about to ask, which it has some time for. */
  attaching(): void;
};

/** Who ended the channel: this side, the server, or neither, since it could not go on. */
export type ClientCloseStatus = "client-close" | "server-close" | "abnormal";

/** How a session ended. */
export type ClientEnd = { readonly status: ClientCloseStatus; readonly code: number; readonly reason: string };

/** A transport carries the session, told before any message that comes over it. */
export type Attached = {
  /** Whether nothing is missing and nothing doubled. False the first time, too. */
  readonly resumed: boolean;
  /** Why not; undefined the first time. */
  readonly reason: ResetReason | "closed" | undefined;
  /** Messages that were sent and never acknowledged: each may have arrived or not. Those never sent are sent now. */
  readonly uncertain: number;
};

/** What a session tells. None of these may throw. */
export type ClientSessionEvents = {
  message(message: Message): void;
  /** Comes once. After `close` of this side, messages may still be on their way to the other one. */
  closed(end: ClientEnd): void;
  /** Less is waiting now, or nothing any more. */
  acknowledged(): void;
  attached(attached: Attached): void;
  /**
   * The session is over: all transports are to be let go of.
   *
   * @param code - 1000 if both sides know of the end
   * @param end - the server's, if it came, whichever was told before
   */
  released(code: number, reason: string, end: ClientEnd): void;
  /** The server asks for an attach over a new transport, after this time. */
  goaway(afterMs: number): void;
};

export type ClientSessionLimits = Pick<ClientLimits, "maxQueuedBytes" | "maxQueuedMessages" | "resumeWindowMs">;

/**
 * The client's end of a session: it attaches.
 *
 * A message is forgotten when the server has acknowledged it, and not before. What comes is taken in the order of its
 * numbers, each once, over whichever transport it comes.
 */
export type ClientSession = {
  /** What carries the session now. */
  readonly carrier: ClientTransport | undefined;
  /** The answer that was adopted last. It names the session and proves the right to it, in each request over HTTP. */
  readonly answer: AttachedRecord | undefined;
  readonly isOpen: boolean;
  /** Bytes that are not acknowledged. */
  readonly bufferedBytes: number;
  /** Messages that are not acknowledged, and the end if it was sent. */
  readonly unacknowledged: number;
  /** The highest number that is acknowledged. */
  readonly peerHas: number;

  /** Sends, or keeps to be sent. @returns false when the session is closed, or when too much waits: it takes nothing then */
  send(message: Message, bytes: number): boolean;
  /** Ends the session behind everything that was sent. @returns true only for the call that closed it */
  close(code: number, reason: string): boolean;
  /** Ends the session at once: it cannot go on. */
  fail(code: number, reason: string): void;
  /** Asks the server to go on over this transport. What carries the session now does so until the answer comes. */
  attach(transport: ClientTransport): void;
  /** A record that asks for a response with what comes next, over the transport that polls. */
  poll(transport: ClientTransport, poll: number, holdMs?: number): ControlRecord;
  /** The items to put on a transport, as they are taken: until there are none, or another transport carries the session. */
  items(transport: ClientTransport): Iterable<Message | CloseRecord>;
  /** Takes what came over a transport, in its order. */
  receive(transport: ClientTransport, record: SessionRecord): void;
  /** A transport ended, whoever ended it. */
  lose(transport: ClientTransport): void;
  /** How much came, which the caller is about to tell the server. */
  takeReceived(): number;
  /** Asks at once whether the server is there, and lets go of a transport over which nothing comes in this time. */
  probe(timeoutMs: number): void;
};

/**
 * Makes the client's end of a session.
 *
 * @param newKey - makes 128 random bits, of the letters that a token may have. Asked at the beginning and when a session is
 *   known. Undefined: no other session follows that one
 * @param protocols - subprotocols that the application offers
 */
export type CreateClientSession = (
  limits: ClientSessionLimits,
  createTimer: () => Timer,
  newKey: () => string | undefined,
  events: ClientSessionEvents,
  protocols?: readonly string[],
) => ClientSession;

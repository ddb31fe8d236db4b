/** Whether the downstream of an HTTP transport is one long response, or a response for each poll. */
export type AttachMode = "stream" | "poll";

/** Why an attach could not resume the session that it named, and got a new one. */
export type ResetReason = "expired" | "gap" | "denied" | "overflow";

/** Client: carry the session over this transport from here on. Connect, resume, and change of transport are this. */
export type AttachRecord = {
  readonly type: "attach";
  /** Counts up over all attaches of a client. The highest that the server has seen carries the session. */
  readonly attach: number;
  /** How many numbered messages of the server the client has. */
  readonly received: number;
  /** Made by the client for the session that this may open: attaches with the same key open one. None: open none. */
  readonly key?: string | undefined;
  /** The session to resume. Over HTTP it stands in a header field, with its secret. */
  readonly session?: string | undefined;
  readonly secret?: string | undefined;
  /** Over a WebSocket, whose header fields a browser does not let a page set: what the client proves who it is with. */
  readonly token?: string | undefined;
  readonly mode?: AttachMode | undefined;
  /** The counts of the server do not fit those of the client: end this session, open a new one. */
  readonly gap?: boolean | undefined;
  /** The subprotocols that the application of the client offers, the best first. */
  readonly protocols?: readonly string[] | undefined;
};

/** Server: the answer to an attach. Its numbered messages follow, from `first` on. */
export type AttachedRecord = {
  readonly type: "attached";
  /** The number of the attach that is answered. */
  readonly attach: number;
  readonly session: string;
  /** For the next attach, and for each request over HTTP. */
  readonly secret: string;
  /** Whether this is the session that the attach named. If not, both ends count from the beginning. */
  readonly resumed: boolean;
  /** Why not. None when the attach named no session. */
  readonly reason?: ResetReason;
  /** The subprotocol that the server chose when it opened the session. None: it chose none. */
  readonly protocol?: string;
  /** How many numbered messages of the client the server has: the client goes on behind these. */
  readonly received: number;
  /** The number of the first message that follows. */
  readonly first: number;
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  readonly pollHoldMs: number;
  readonly resumeWindowMs: number;
  readonly maxMessageBytes: number;
};

/** The end of the session, as the last numbered message of either side. */
export type CloseRecord = { readonly type: "close"; readonly code: number; readonly reason: string };

/** Everything that is not a message. Only `empty` and `close` are numbered, as messages are. */
export type ControlRecord =
  | AttachRecord
  | AttachedRecord
  | CloseRecord
  /** All up to this number have arrived: forget them. */
  | { readonly type: "ack"; readonly received: number }
  | { readonly type: "ping" }
  | { readonly type: "pong" }
  /** Server, over a stream, once, {@link secondTickMs} behind `attached`: by when it comes shows who holds the stream back. */
  | { readonly type: "tick" }
  /** WebSocket: an empty message of bytes, whose frame is the escape. */
  | { readonly type: "empty" }
  /** Client, HTTP: hold this request until there are messages behind `received`. Polls of one attach count up. */
  | {
      readonly type: "poll";
      readonly attach: number;
      readonly poll: number;
      readonly received: number;
      /** For no longer than this. */
      readonly holdMs?: number | undefined;
    }
  /** Client, HTTP: the messages behind this record, of which the first has the number `first`. */
  | { readonly type: "send"; readonly attach: number; readonly first: number; readonly received: number }
  /** Server: attach again over a new transport after this time; the old one ends soon after. */
  | { readonly type: "goaway"; readonly afterMs: number }
  /** The end of this transport, not of the session: over HTTP what a Close frame is to a WebSocket. */
  | { readonly type: "detach"; readonly code: number; readonly reason: string };

/** How a connection ends: by a TCP reset, or by FIN, as from a program that closes in good order. */
export type CutMode = "reset" | "fin";

/** Which bytes: those that the client sends, or those that the server sends. */
export type Direction = "to-server" | "to-client";

/**
 * Which requests a fault is for. Without it: all.
 *
 * - `upgrade`: those that ask for a WebSocket, with all that follows on the WebSocket
 * - `request`: all others
 * - `stream`: of these others, those whose response has no Content-Length; the fault begins with the head of the response
 * - `answer`: of these others, those whose response has one, or no body; the fault begins with the head of the response
 */
export type FaultScope = "upgrade" | "request" | "stream" | "answer";

/** A number of bytes, or bounds (both included) between which the seed chooses. */
export type ByteCount = number | { readonly min: number; readonly max: number };

/** How often a fault strikes. */
type Frequency = {
  /** For each request that it is for, or each connection, from 0 to 1; the seed decides. Default: 1. */
  readonly probability?: number;
  /** At most so many requests, or connections. Default: no limit. */
  readonly times?: number;
};

/** Of a fault for requests of any sort. */
type Scoped = Frequency & {
  /** Default: all requests. */
  readonly on?: FaultScope;
};

/** Of a fault for responses, which a WebSocket is not. */
type OfResponse = Frequency & {
  /** Default: all but upgrades. */
  readonly on?: "request" | "stream" | "answer";
};

/** When a fault strikes, by the bytes that passed since it began: with the request, or when it was set. */
type AfterBytes = {
  /** Which bytes are counted. Default: to-client. */
  readonly direction?: Direction;
  /** Counted with heads, chunk sizes and frame headers. It strikes as soon as these have passed; after 0 at once. */
  readonly afterBytes?: ByteCount;
};

/** What a fault proxy can do to connections. Several may be set at once. */
export type Fault =
  /** Ends the connection, both ways. Default: a reset, after 1 to 1024 bytes. */
  | (Scoped & AfterBytes & { readonly type: "cut"; readonly how?: CutMode })
  /**
   * Nothing passes any more, either way, and both connections stay open. Default: after 0 bytes. It stays so when faults
   * are cleared; with `forMs`, all goes on after that time and what was sent meanwhile arrives.
   */
  | (Scoped & AfterBytes & { readonly type: "half-open"; readonly forMs?: number })
  /** A new connection is reset at once. */
  | (Frequency & { readonly type: "refuse" })
  /**
   * No network for `forMs`, from now on: nothing passes on the connections that there are, and new ones are reset. Then
   * the old ones are reset, too. Ends early when faults are set or cleared.
   */
  | { readonly type: "offline"; readonly forMs: number }
  /** All arrives later, in order: by `delayMs` and up to `jitterMs` more (default: 0). Without `direction`: both ways. */
  | (Scoped & {
      readonly type: "delay";
      readonly direction?: Direction;
      readonly delayMs: number;
      readonly jitterMs?: number;
    })
  /** Each byte is written by itself. Without `direction`: both ways. */
  | (Scoped & { readonly type: "split"; readonly direction?: Direction })
  /** An upgrade is answered with `status` (default: 502), as by a proxy; the server does not see it. */
  | (Frequency & { readonly type: "refuse-upgrade"; readonly status?: number })
  /** An upgrade never arrives at the server and is never answered. */
  | (Frequency & { readonly type: "swallow-upgrade" })
  /** The 101 passes, and nothing after it, either way. */
  | (Frequency & { readonly type: "mute-upgrade" })
  /** The connection ends right behind the 101. Default: by FIN. */
  | (Frequency & { readonly type: "close-upgrade"; readonly how?: CutMode })
  /** The server gets an upgrade without its Upgrade and Connection fields, as from a proxy that knows no WebSocket. */
  | (Frequency & { readonly type: "strip-upgrade" })
  /**
   * Responses are held back, as by a proxy that buffers, and go out in lumps: at their end, as soon as there are
   * `untilBytes`, or `untilMs` after the first byte of the lump.
   */
  | (OfResponse & { readonly type: "hold-response"; readonly untilBytes?: number; readonly untilMs?: number })
  /** The server writes the whole response, and the client gets nothing of it but the end. Default: a reset. */
  | (OfResponse & { readonly type: "drop-response"; readonly how?: CutMode })
  /** The server gets a POST twice, the second over a connection of its own. The client gets the answer to the first. */
  | (Frequency & { readonly type: "duplicate-request" });

/** The faults by their name. */
export type FaultOf<Type extends Fault["type"]> = Extract<Fault, { readonly type: Type }>;

/** A message came: text, or what `binaryType` says. */
export type SocketMessageEvent = Event & {
  /** Text, or bytes as what `binaryType` says. */
  readonly data: string | ArrayBuffer | Blob;
  /** Of the server. */
  readonly origin: string;
};

/** It is over. */
export type SocketCloseEvent = Event & {
  /** The code of whoever closed it; 1005 if that was this side, without one; 1006 if nobody did. */
  readonly code: number;
  /** Of whoever closed it; empty if nobody said why. */
  readonly reason: string;
  /** Whether both sides know of the end. */
  readonly wasClean: boolean;
};

/** It failed. */
export type SocketErrorEvent = Event & {
  /** Why, for people. Browsers do not say it. */
  readonly message?: string;
};

/** The events of a WebSocket by their names. */
export type SocketEventMap = {
  /** It is open. */
  readonly open: Event;
  /** A message came. */
  readonly message: SocketMessageEvent;
  /** It failed; `close` comes next. */
  readonly error: SocketErrorEvent;
  /** It is over. */
  readonly close: SocketCloseEvent;
};

type MessageInit = Pick<SocketMessageEvent, "data" | "origin">;
type CloseInit = Pick<SocketCloseEvent, "code" | "reason" | "wasClean">;

// Those of the platform, so that `instanceof` says what it says of its own WebSocket. Node 20 has no CloseEvent.
const platform = globalThis as unknown as {
  readonly MessageEvent: new (type: string, init: MessageInit) => SocketMessageEvent;
  readonly CloseEvent?: new (type: string, init: CloseInit) => SocketCloseEvent;
};

/** Libraries copy events by `new event.constructor(event.type, event)`, as all of these can be. */
class OwnCloseEvent extends Event {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;

  constructor(type: string, { code, reason, wasClean }: CloseInit) {
    super(type);
    this.code = code;
    this.reason = reason;
    this.wasClean = wasClean;
  }
}

class OwnErrorEvent extends Event {
  readonly message: string;

  constructor(type: string, { message }: { readonly message: string }) {
    super(type);
    this.message = message;
  }
}

/** A message, as an event. */
export function messageEvent(init: MessageInit): Event {
  return new platform.MessageEvent("message", init);
}

/** A failure, as an event. */
export function errorEvent(message: string): Event {
  return new OwnErrorEvent("error", { message });
}

/** The end, as an event. */
export function closeEvent(init: CloseInit): Event {
  return new (platform.CloseEvent ?? OwnCloseEvent)("close", init);
}

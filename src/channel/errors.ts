/**
 * What each code carries in `details`.
 *
 * Misuse is thrown where it happens; faults of handlers and of peers reach `onError` and nothing else.
 */
export type ErrorDetails = {
  /** A value given to channelkit is not one of those it takes. */
  readonly INVALID_ARGUMENT: { readonly argument: string; readonly expected: string; readonly received: string };
  /** A second handler of a sort was registered on a channel. */
  readonly HANDLER_ALREADY_SET: { readonly handler: "onReceive" | "onClose" | "onPing" | "onPresence" | "onStatus" };
  /** `withChannel` was given a request that has no channel to give. */
  readonly CHANNEL_UNAVAILABLE: { readonly reason: string };
  /** A channel is in as many groups of a store as it may be, and was to join another. */
  readonly TOO_MANY_GROUPS: { readonly channelId: string; readonly maxGroupsPerChannel: number };
  /** The server could not listen on the address it was given. */
  readonly LISTEN_FAILED: { readonly hostname: string; readonly port: number; readonly reason: string };
  /** The server listens but could not take a connection: mostly for want of descriptors. */
  readonly ACCEPT_FAILED: { readonly hostname: string; readonly port: number };
  /** A function of the application threw or rejected, or returned what it may not: then `received` and `expected` say what. */
  readonly HANDLER_FAILED: {
    readonly handler: HandlerName;
    readonly channelId?: string;
    readonly expected?: string;
    readonly received?: string;
  };
  /** A request handler answered with something that is not a `Response`. */
  readonly HANDLER_RETURNED_NOTHING: { readonly received: string };
  /** A handler took the channel of a request and answered the request itself, too. */
  readonly ANSWERED_TWICE: { readonly channelId: string };
  /** A stream given as a body failed, or could not be sent. */
  readonly BODY_FAILED: { readonly channelId?: string; readonly reason: string };
  /** A peer broke a protocol; its connection is closed. */
  readonly PEER_FAULT: { readonly rule: string; readonly remoteAddress: string };
};

/** Which function of the application failed; `use` is the one given to `withChannel` or `accept`. */
export type HandlerName =
  | "request"
  | "use"
  | "onReceive"
  | "onClose"
  | "onPing"
  | "onPresence"
  | "broadcast"
  | "onDrop"
  | "authorize"
  | "identify"
  | "expiresAtMs";

/** What `code` of an error can be; `docs/errors.md` tells what to do about each. */
export type ErrorCode = keyof ErrorDetails;

const messages: { readonly [Code in ErrorCode]: (details: ErrorDetails[Code]) => string } = {
  INVALID_ARGUMENT: (d) => `${d.argument} must be ${d.expected}, but it is ${d.received}`,
  HANDLER_ALREADY_SET: (d) =>
    `${d.handler} is set already: a channel takes one handler of each sort. Delegate to a variable to change it`,
  CHANNEL_UNAVAILABLE: (d) => `No channel for this request: ${d.reason}`,
  TOO_MANY_GROUPS: (d) =>
    `Channel ${d.channelId} is in ${d.maxGroupsPerChannel} groups, and may be in no more: it has to leave one first`,
  LISTEN_FAILED: (d) => `The server cannot listen on ${d.hostname} port ${d.port}: ${d.reason}`,
  ACCEPT_FAILED: (d) => `The server on ${d.hostname} port ${d.port} could not take a connection`,
  HANDLER_FAILED: (d) =>
    d.received === undefined
      ? `The ${d.handler} handler${d.channelId === undefined ? "" : ` of channel ${d.channelId}`} failed`
      : `The ${d.handler} handler must return ${d.expected}, but it returned ${d.received}`,
  HANDLER_RETURNED_NOTHING: (d) =>
    `A request handler must return a Response, or what withChannel gives, but it returned ${d.received}`,
  ANSWERED_TWICE: (d) => `The handler took channel ${d.channelId} and returned another response, too`,
  BODY_FAILED: (d) =>
    `A body could not be sent${d.channelId === undefined ? "" : ` on channel ${d.channelId}`}: ${d.reason}`,
  PEER_FAULT: (d) => `The peer at ${d.remoteAddress} was refused: ${d.rule}`,
};

/** One fault with its code. Recognise it with {@link isChannelError}, which also works across two copies of the package. */
export class ChannelErrorOf<Code extends ErrorCode> extends Error {
  /** Always this, by which {@link isChannelError} knows it. */
  declare readonly name: "ChannelError";
  /** What happened. */
  readonly code: Code;
  /** The values that belong to the code. */
  readonly details: ErrorDetails[Code];

  static {
    // Not a field: a trace is headed before fields are set. And what is printed has the name of the class, too.
    const name: PropertyDescriptor = { value: "ChannelError", configurable: true };
    Object.defineProperty(this, "name", name);
    Object.defineProperty(this.prototype, "name", name);
  }

  /** For channelkit itself: the message follows from the code and its details. */
  constructor(code: Code, details: ErrorDetails[Code], options?: ErrorOptions) {
    super(messages[code](details), options);
    this.code = code;
    this.details = details;
  }
}

/** Every fault that channelkit raises: a union over the codes, so that `switch (error.code)` narrows `details`. */
export type ChannelError = { [Code in ErrorCode]: ChannelErrorOf<Code> }[ErrorCode];

/** Where faults that nobody called for are reported. It must not throw; what it throws is dropped. */
export type ErrorListener = (error: ChannelError) => void;

/** Tells whether a value is a fault raised by channelkit. */
export function isChannelError(value: unknown): value is ChannelError {
  return value instanceof Error && value.name === "ChannelError" && "code" in value && "details" in value;
}

/** An `INVALID_ARGUMENT` error that says what was wrong and what is allowed. */
export function invalidArgument(
  argument: string,
  expected: string,
  received: unknown,
  options?: ErrorOptions,
): ChannelErrorOf<"INVALID_ARGUMENT"> {
  return new ChannelErrorOf("INVALID_ARGUMENT", { argument, expected, received: describe(received) }, options);
}

/** As {@link invalidArgument}, for an object with a name in it that is none of those it may have. */
export function unknownName(argument: string, expected: string, name: string): ChannelErrorOf<"INVALID_ARGUMENT"> {
  return new ChannelErrorOf("INVALID_ARGUMENT", { argument, expected, received: `an object with ${describe(name)}` });
}

const mostShown = 3;
const mostNameCharacters = 100;
const largestShown = 10n ** 20n;

/**
 * A short description of any value for an error text: its sort, and what it is where that is short. Of objects the names of
 * members alone, since what they hold may be secret. Never throws.
 */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string")
    return value.length > 40
      ? `${JSON.stringify(value.slice(0, 20))}…, a string of ${value.length} characters`
      : JSON.stringify(value);
  if (typeof value === "object") return describeObject(value);
  if (typeof value === "function") return "a function";
  // Text is in quotes, and so none of these.
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  // Written out, a large one would be as long as it likes.
  if (typeof value === "bigint") return value < largestShown && value > -largestShown ? `${value}n` : "a bigint";
  return `a ${typeof value}`;
}

function describeObject(value: object): string {
  try {
    if (Array.isArray(value)) return value.length === 0 ? "an empty array" : `an array of ${list(value)}`;
    const constructor: unknown = value.constructor;
    if (typeof constructor === "function" && constructor !== Object) return withArticle(nameOf(constructor));
    const names = Object.keys(value);
    return names.length === 0 ? "an empty object" : `an object with ${list(names)}`;
  } catch {
    // A proxy, or a getter that throws.
    return "an object that cannot be looked at";
  }
}

/** A class may have put anything in the place of its name. */
function nameOf(constructor: { readonly name: unknown }): string {
  const { name } = constructor;
  return typeof name === "string" && name.length <= mostNameCharacters ? name : "object";
}

/** A U begins as in URL and Uint8Array. */
function withArticle(name: string): string {
  return `${/^[AEIO]/i.test(name) ? "an" : "a"} ${name}`;
}

/** The first of them. Arrays among them are not looked into: one may be in itself. */
function list(values: readonly unknown[]): string {
  const shown = values.slice(0, mostShown).map((value) => (Array.isArray(value) ? "an array" : describe(value)));
  const more = values.length - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}

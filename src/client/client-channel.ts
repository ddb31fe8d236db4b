import type { ChannelKind, ReceiveHandler } from "../channel/channel.ts";
import type { ErrorDetails } from "../channel/errors.ts";
import type { Message } from "../channel/message-type.ts";
import { invitesBack } from "../protocol/close-code.ts";
import { encodeUtf8 } from "../protocol/utf-8.ts";
import { type Attached, ClientSession } from "../session/client-session.ts";
import type { SessionEnd } from "../session/ending.ts";
import type { ClientSettings } from "./client-options.ts";
import type { ClientStatus, TimelineEntry } from "./client-status.ts";
import { clock } from "./clock.ts";
import { Ladder } from "./ladder.ts";
import { check, misuse } from "./misuse.ts";
import { watchPlatform } from "./platform.ts";
import { randomKey } from "./random.ts";

/** What a client sends: text, or bytes. They are not copied: do not change them after they were sent. */
export type ClientData = string | ArrayBuffer | ArrayBufferView;

/** Takes what the client is doing. */
export type StatusHandler = (status: ClientStatus) => unknown;

/** Who ended the channel: this side, the server, or neither, since it could not go on. */
export type ClientCloseStatus = "client-close" | "server-close" | "abnormal";

/** Takes the end of the channel. The code says more: 1006, those of RFC 6455, or those of PROTOCOL.md. */
export type ClientCloseHandler = (
  status: ClientCloseStatus,
  detail: { readonly code: number; readonly reason: string; readonly wasClean: boolean },
) => unknown;

/**
 * One conversation with the server, which outlives what carries it.
 *
 * Handlers are called in order, in the turn in which something comes, and promises that they return are not waited for.
 * What a handler throws is thrown again where the platform reports it (`error` of a page, `uncaughtException` of Node).
 */
export type ClientChannel = {
  /** Unique, for logs and as a key. It is no secret, and the server does not know it. */
  readonly id: string;
  /** What carries the channel now, or is dialled. */
  readonly kind: ChannelKind;
  /** True from the beginning, also while nothing carries it, until either side closes; then false for ever. */
  readonly isOpen: boolean;
  /** Bytes that the server has not acknowledged, and 64 for each message. */
  readonly bufferedAmount: number;

  /**
   * Sends a message, now or when a transport carries the channel: once and in order.
   *
   * @returns true when it is taken; false when the channel is closed, or when so much waits that there is no room
   *   (`maxQueuedBytes`, `maxQueuedMessages`): wait for `drained()` then
   * @throws ChannelError `INVALID_ARGUMENT` for what is neither text nor bytes, or is larger than the server takes
   */
  send(data: ClientData): boolean;

  /**
   * Closes the channel, behind all that was sent: that is still delivered, for at most two minutes.
   *
   * @param code - 1000 (default), or 3000 to 4999
   * @param reason - at most 123 bytes of UTF-8
   * @returns true only for the call that closed it
   * @throws ChannelError `INVALID_ARGUMENT` for another code or a longer reason; the channel stays open
   */
  close(code?: number, reason?: string): boolean;

  /** Resolves when `bufferedAmount` is under `softQueuedBytes`, or the channel is closed. Never rejects. */
  drained(): Promise<void>;

  /**
   * Sets the handler of messages. Set it in the turn of `connect`: without one, messages are dropped.
   *
   * @throws ChannelError `HANDLER_ALREADY_SET` on the second call
   */
  onReceive(handler: ReceiveHandler): void;

  /**
   * Sets the handler of the end. Called once; at once if the channel is closed.
   *
   * @throws ChannelError `HANDLER_ALREADY_SET` on the second call
   */
  onClose(handler: ClientCloseHandler): void;

  /**
   * Sets the handler of what the client does. Called with each change, and at once with what it does now.
   *
   * @throws ChannelError `HANDLER_ALREADY_SET` on the second call
   */
  onStatus(handler: StatusHandler): void;

  /** What was dialled, when, and why it was left: the latest entries, at most `maxTimelineEntries`. */
  explain(): readonly TimelineEntry[];
};

type Handlers = { onReceive?: ReceiveHandler; onClose?: ClientCloseHandler; onStatus?: StatusHandler };

/** The channel of `connect`. */
export class DialledChannel implements ClientChannel {
  readonly id: string = randomKey();
  readonly #settings: ClientSettings;
  readonly #ladder: Ladder;
  readonly #handlers: Handlers = {};
  readonly #timeline: TimelineEntry[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #stopWatching: () => void;
  #session: ClientSession<Message>;
  #maxMessageBytes: number;
  #status: ClientStatus | undefined;
  #end: Parameters<ClientCloseHandler> | undefined;
  /** Messages of a session that the server ended. Undefined: it did not. */
  #uncertain: number | undefined;

  constructor(settings: ClientSettings) {
    this.#settings = settings;
    this.#maxMessageBytes = settings.maxMessageBytes;
    this.#session = this.#createSession();
    this.#ladder = new Ladder(settings, this.#session, {
      status: (status) => this.#tell(status),
      timeline: (entry) => {
        if (this.#timeline.push(entry) > settings.maxTimelineEntries) this.#timeline.shift();
      },
      failed: (code, reason) => {
        this.#close("abnormal", code, reason);
        this.#session.drop("expired");
      },
    });
    this.#stopWatching = watchPlatform(
      () => this.#ladder.wake(),
      (isPaused) => this.#ladder.pause(isPaused),
    );
    // Behind the turn in which handlers are set.
    queueMicrotask(() => {
      if (!this.#session.isOver) this.#ladder.dial();
    });
  }

  get kind(): ChannelKind {
    return this.#ladder.kind;
  }

  get isOpen(): boolean {
    return this.#end === undefined;
  }

  get bufferedAmount(): number {
    return this.#session.bufferedBytes;
  }

  send(data: ClientData): boolean {
    const message = messageOf(data);
    const bytes = sizeOf(message);
    check(bytes <= this.#maxMessageBytes, "data", `at most ${this.#maxMessageBytes} bytes`, bytes);
    return this.#session.send(message);
  }

  close(code = 1000, reason = ""): boolean {
    const isCode = Number.isInteger(code) && (code === 1000 || (code >= 3000 && code <= 4999));
    check(isCode, "the close code", "1000, or 3000 to 4999", code);
    const isReason = typeof reason === "string" && encodeUtf8(reason).length <= 123;
    check(isReason, "the close reason", "a string of at most 123 bytes", reason);
    return this.#session.close(code, reason);
  }

  async drained(): Promise<void> {
    while (this.isOpen && this.bufferedAmount >= this.#settings.softQueuedBytes) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  onReceive(handler: ReceiveHandler): void {
    this.#set("onReceive", handler);
  }

  onClose(handler: ClientCloseHandler): void {
    this.#set("onClose", handler);
    const end = this.#end;
    if (end !== undefined) guard(() => handler(...end));
  }

  onStatus(handler: StatusHandler): void {
    this.#set("onStatus", handler);
    const status = this.#status;
    if (status !== undefined) guard(() => handler(status));
  }

  explain(): readonly TimelineEntry[] {
    return [...this.#timeline];
  }

  #set<Name extends keyof Handlers & ErrorDetails["HANDLER_ALREADY_SET"]["handler"]>(
    name: Name,
    handler: NonNullable<Handlers[Name]>,
  ): void {
    check(typeof handler === "function", name, "given a function", handler);
    if (this.#handlers[name] !== undefined) {
      throw misuse("HANDLER_ALREADY_SET", `${name} is set already`, { handler: name });
    }
    this.#handlers[name] = handler;
  }

  #createSession(): ClientSession<Message> {
    return new ClientSession<Message>({
      limits: this.#settings,
      clock,
      sizeOf,
      createKey: randomKey,
      events: {
        message: (message) => guard(() => this.#handlers.onReceive?.(message)),
        closed: (end) => this.#closed(end),
        acknowledged: () => this.#wake(),
        attached: (attached) => this.#attached(attached),
        gone: () => undefined,
        released: () => this.#ladder.stop(),
        goaway: (afterMs) => this.#ladder.leave(afterMs),
      },
    });
  }

  #attached({ resumed, reason, uncertain, answer }: Attached): void {
    this.#maxMessageBytes = answer.maxMessageBytes;
    this.#ladder.attached();
    const ended = this.#uncertain;
    this.#uncertain = undefined;
    const { kind } = this;
    if (ended === undefined) this.#tell({ state: "open", kind, resumed, reason, uncertain });
    else this.#tell({ state: "open", kind, resumed, reason: "closed", uncertain: ended });
  }

  #closed({ cause, code, reason }: SessionEnd): void {
    if (cause !== "peer" || !invitesBack(code)) {
      const status = cause === "peer" ? "server-close" : "abnormal";
      this.#close(cause === "local" ? "client-close" : status, code, reason);
      return;
    }
    this.#uncertain = this.#session.unacknowledged;
    this.#session = this.#createSession();
    this.#ladder.replace(this.#session);
    this.#wake();
  }

  #close(status: ClientCloseStatus, code: number, reason: string): void {
    if (this.#end !== undefined) return;
    const end: Parameters<ClientCloseHandler> = [status, { code, reason, wasClean: status !== "abnormal" }];
    this.#end = end;
    this.#stopWatching();
    this.#wake();
    this.#tell({ state: "closed", code, reason });
    guard(() => this.#handlers.onClose?.(...end));
  }

  #tell(status: ClientStatus): void {
    if (this.#status?.state === "closed") return;
    this.#status = status;
    guard(() => this.#handlers.onStatus?.(status));
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

function sizeOf(message: Message): number {
  return typeof message === "string" ? encodeUtf8(message).length : message.length;
}

function messageOf(data: ClientData): Message {
  if (typeof data === "string" || data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  check(data instanceof ArrayBuffer, "data", "a string, an ArrayBuffer or a view of one", data);
  return new Uint8Array(data);
}

/** What a handler throws must not disturb the session. */
function guard(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

import type { ChannelKind } from "../channel/channel-kind.ts";
import { maxMessageBytes } from "../channel/client-limits.ts";
import type { Message } from "../channel/message-type.ts";
import { encodeUtf8 } from "../protocol/utf-8.ts";
import type { ClientSettings } from "./client-options.ts";
import type { ClientCloseStatus, ClientEnd } from "./client-session.ts";
import type { ClientStatus, TimelineEntry } from "./client-status.ts";
import { createTimer } from "./clock.ts";
import { createClientSession } from "./create-client-session.ts";
import { encodeRecord } from "./encode-record.ts";
import { createHandler } from "./handler.ts";
import { createLadder } from "./ladder.ts";
import { check } from "./misuse.ts";
import { watchers, watchPlatform } from "./platform.ts";
import { randomKey } from "./random.ts";
import { asInProtocol } from "./read-control.ts";

/** What a client sends: text, or bytes. They are not copied: do not change them after they were sent. */
export type ClientData = string | ArrayBuffer | ArrayBufferView;

/**
 * What a client receives: text, or bytes in a buffer of their own, which Blobs and WebSockets take, too. Written so that
 * versions of TypeScript whose `Uint8Array` has no parameter read it as well: for 5.7 and newer it is `Uint8Array<ArrayBuffer>`.
 */
export type ClientMessage = string | ReturnType<Uint8ArrayConstructor["of"]>;

/** Takes a message. A promise that it returns is not waited for: the next message comes when it comes. */
export type ClientReceiveHandler = (message: ClientMessage) => unknown;

/** Takes what the client is doing. */
export type StatusHandler = (status: ClientStatus) => unknown;

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
   * @param code - 1000 (default), 3000 to 3999, 4100 to 4499, or 4600 to 4999: those between are of the protocol
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
  onReceive(handler: ClientReceiveHandler): void;

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

  /** What was dialled, when, and why it was left: the latest 100 entries. */
  explain(): readonly TimelineEntry[];
};

/** The channel of `connect`. */
export function createChannel(settings: ClientSettings): ClientChannel {
  const [onReceive, receive] = createHandler<Parameters<ClientReceiveHandler>>("onReceive");
  const [onStatus, tellStatus] = createHandler<Parameters<StatusHandler>>("onStatus", true);
  const [onClose, tellClose] = createHandler<Parameters<ClientCloseHandler>>("onClose", true);
  const waiting: (() => void)[] = [];

  function closed({ status, ...detail }: ClientEnd): void {
    watchers.delete(ladder);
    acknowledged();
    tellStatus({ state: "closed", ...detail });
    tellClose(status, { ...detail, wasClean: status !== "abnormal" });
  }

  function acknowledged(): void {
    for (const resolve of waiting.splice(0)) resolve();
  }

  /** Nothing behind `closed`, though transports go on until the server knows. */
  function tell(status: ClientStatus): void {
    if (session.isOpen) tellStatus(status);
  }

  const session = createClientSession(settings, createTimer, randomKey, {
    message: receive,
    closed,
    acknowledged,
    attached(attached) {
      ladder.attached();
      tell({ state: "open", kind: ladder.kind, ...attached });
    },
    released(code, reason) {
      ladder.stop(code, reason);
    },
    goaway(afterMs) {
      ladder.leave(afterMs);
    },
  });
  const ladder = createLadder(settings, session, tell);
  watchPlatform(ladder);
  // Behind the turn in which handlers are set.
  queueMicrotask(ladder.wake);

  return {
    id: randomKey(),
    get kind() {
      return ladder.kind;
    },
    get isOpen() {
      return session.isOpen;
    },
    get bufferedAmount() {
      return session.bufferedBytes;
    },
    send(data) {
      const message = messageOf(data);
      const bytes = encodeRecord(message)[1].length;
      const most = session.answer?.maxMessageBytes ?? maxMessageBytes;
      check(bytes <= most, "data", `at most ${most} bytes`, bytes);
      return session.send(message, bytes);
    },
    close(code = 1000, given: unknown = "") {
      const reason = String(given);
      // Those that are the application's.
      const isCode = Number.isInteger(code) && /^(1000|3...|4[1-46-9]..)$/.test(`${code}`);
      check(isCode, "code", asInProtocol, code);
      check(encodeUtf8(reason).length <= 123, "reason", "at most 123 bytes", reason);
      return session.close(code, reason);
    },
    async drained() {
      while (session.isOpen && session.bufferedBytes >= settings.softQueuedBytes) {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    onReceive,
    onClose,
    onStatus,
    explain: ladder.explain,
  };
}

function messageOf(data: ClientData): Message {
  if (typeof data === "string") return data;
  check(ArrayBuffer.isView(data) || data instanceof ArrayBuffer, "data", "text or bytes", data);
  // A view has these three, and the other one stands for the whole of itself.
  const view = data as Partial<ArrayBufferView>;
  return new Uint8Array(view.buffer ?? (data as ArrayBuffer), view.byteOffset, view.byteLength);
}

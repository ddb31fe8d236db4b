import { constants } from "node:buffer";
import type { Writable } from "node:stream";
import * as webSocketPackage from "ws";
import type { Limits } from "../channel/limits.ts";
import type { Message } from "../channel/message.ts";
import { decodeText } from "./decode-text.ts";

/** What arrives from the peer, in order. */
export type ReceiverListener = {
  receivedMessage(message: Message): void;
  receivedPing(data: Buffer): void;
  /** The peer's Close frame; 1005 for an empty one. Nothing follows. */
  receivedClose(code: number, reason: string): void;
  /** The peer broke the protocol. Nothing follows. @param code - of the Close frame that it is to get */
  receivedViolation(code: number, rule: string): void;
};

/** What the parser asks for each frame of a compressed message; it waits for the answer, which must not come at once. */
export type MessageExtension = {
  decompress(data: Buffer, isLast: boolean, done: (error: null, data: Buffer) => void): void;
};

/** The listener is kept on the parser, so that its handlers are the same functions for all of them. */
type Receiver = Writable & { channelListener?: ReceiverListener };
type ReceiverConstructor = new (options: {
  readonly isServer: boolean;
  readonly maxPayload: number;
  readonly maxFragments: number;
  readonly maxBufferedChunks: number;
  readonly extensions: { readonly "permessage-deflate"?: MessageExtension };
}) => Receiver;

// `ws` exports its parser, but its published types leave it out.
const { Receiver } = webSocketPackage as unknown as { readonly Receiver: ReceiverConstructor };

/** The Close code for each fault that `ws` finds where it is not 1002 (RFC 6455 §7.4.1). */
const codeOfFault: ReadonlyMap<string, number> = new Map([
  ["WS_ERR_INVALID_UTF8", 1007],
  ["WS_ERR_UNSUPPORTED_MESSAGE_LENGTH", 1009],
  ["WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH", 1009],
  ["WS_ERR_TOO_MANY_BUFFERED_PARTS", 1008],
]);

/**
 * The parser of `ws` for one connection: masking, fragments, UTF-8, lengths and limits. Write what the socket reads.
 *
 * Only this half of `ws` is used. Its other half writes each frame by itself; see the outbox.
 *
 * @param extension - reads compressed messages; without one RSV1 is a fault
 */
export function createReceiver(limits: Limits, listener: ReceiverListener, extension?: MessageExtension): Writable {
  const receiver = new Receiver({
    isServer: true,
    maxPayload: longestMessageBytes(limits),
    maxFragments: in32Bits(limits.maxFragments),
    maxBufferedChunks: in32Bits(limits.maxBufferedChunks),
    extensions: extension === undefined ? {} : { "permessage-deflate": extension },
  });
  receiver.channelListener = listener;
  receiver.on("message", handleMessage);
  receiver.on("ping", handlePing);
  receiver.on("conclude", handleClose);
  receiver.on("error", handleError);
  return receiver;
}

function handleMessage(this: Receiver, data: Buffer, isBinary: boolean): void {
  this.channelListener?.receivedMessage(isBinary ? data : decodeText(data));
}

function handlePing(this: Receiver, data: Buffer): void {
  this.channelListener?.receivedPing(data);
}

function handleClose(this: Receiver, code: number, reason: Buffer): void {
  this.channelListener?.receivedClose(code, reason.toString("utf8"));
}

function handleError(this: Receiver, error: Error & { code?: string }): void {
  this.channelListener?.receivedViolation(codeOfFault.get(error.code ?? "") ?? 1002, error.message);
}

/** A text that is longer than Node's longest string could not be made one, and would end the process instead. */
export function longestMessageBytes({ maxMessageBytes }: Limits): number {
  return in32Bits(Math.min(maxMessageBytes, constants.MAX_STRING_LENGTH));
}

/** `ws` cuts a larger number to 32 bits, which makes a small limit of it, or none. Node's zlib does not take it. */
function in32Bits(limit: number): number {
  return Math.min(limit, 2 ** 31 - 1);
}

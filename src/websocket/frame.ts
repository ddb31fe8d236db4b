import { bytesOf, type Message } from "../channel/message.ts";
import type { Payload } from "../channel/payload.ts";

// RFC 6455 §5.2. The first byte of an unfragmented frame: FIN and the opcode.
const finText = 0x81;
const finBinary = 0x82;
const finClose = 0x88;
const finPing = 0x89;
const finPong = 0x8a;
// RFC 7692 §6: RSV1 marks a compressed message.
const compressedBit = 0x40;

// RFC 6455 §5.2. Lengths up to 125 stand in the second byte, larger ones in two or eight bytes behind it.
const largestShortLength = 125;
const shortHeaderBytes = 2;
const mediumHeaderBytes = 4;
const longHeaderBytes = 10;

/**
 * One unmasked, unfragmented data frame: text for a string, binary for bytes.
 *
 * Text is in a buffer of its own when it is encoded, so that of a large one need not be copied behind the header; bytes
 * are copied, since their owner could still change them.
 *
 * @returns the frame, or its header and its payload
 */
export function encodeMessage(message: Message): [frame: Buffer, payload?: Buffer] {
  if (typeof message !== "string") return [encodeFrame(finBinary, bytesOf(message))];
  const payload = bytesOf(message);
  const header = Buffer.allocUnsafe(headerBytesFor(payload.length));
  writeHeader(header, 0, { firstByte: finText, length: payload.length });
  return [header, payload];
}

/** Most bytes that the frame of a message can have: a UTF-16 unit takes up to three in UTF-8 (RFC 3629 §3). */
export function mostFrameBytes(message: Message): number {
  return longHeaderBytes + (typeof message === "string" ? message.length * 3 : message.length);
}

/**
 * Writes the frame of a message into a place that has room for {@link mostFrameBytes}, at most 64 KiB.
 *
 * @returns how many bytes it has
 */
export function writeMessage(target: Buffer, at: number, message: Message): number {
  if (typeof message === "string") return writeText(target, at, message);
  const { length } = message;
  const headerBytes = writeHeader(target, at, { firstByte: finBinary, length });
  target.set(message, at + headerBytes);
  return headerBytes + length;
}

/** The frame of a shared message. */
export function frameOf(payload: Payload): Buffer {
  return encodeFrame(payload.isText ? finText : finBinary, payload.bytes);
}

/** The frame of a message that permessage-deflate has compressed. */
export function encodeCompressed(isText: boolean, deflated: Buffer): Buffer {
  return encodeFrame((isText ? finText : finBinary) | compressedBit, deflated);
}

/** A ping without data. */
export function encodePing(): Buffer {
  return encodeFrame(finPing, Buffer.alloc(0));
}

export function encodePong(data: Uint8Array): Buffer {
  return encodeFrame(finPong, bytesOf(data));
}

/** A Close frame; without a code an empty one (RFC 6455 §5.5.1). */
export function encodeClose(code?: number, reason = ""): Buffer {
  if (code === undefined) return encodeFrame(finClose, Buffer.alloc(0));
  const text = bytesOf(reason);
  const payload = Buffer.allocUnsafe(2 + text.length);
  payload.writeUInt16BE(code, 0);
  text.copy(payload, 2);
  return encodeFrame(finClose, payload);
}

/** Text is encoded in place. Its header depends on how long it is then, so the likely one is left room for. */
function writeText(target: Buffer, at: number, text: string): number {
  const likelyHeaderBytes = text.length <= largestShortLength ? shortHeaderBytes : mediumHeaderBytes;
  const start = at + likelyHeaderBytes;
  const length = target.write(text, start);
  const headerBytes = headerBytesFor(length);
  if (headerBytes !== likelyHeaderBytes) target.copyWithin(at + headerBytes, start, start + length);
  writeHeader(target, at, { firstByte: finText, length });
  return headerBytes + length;
}

function encodeFrame(firstByte: number, payload: Buffer): Buffer {
  const { length } = payload;
  const frame = Buffer.allocUnsafe(headerBytesFor(length) + length);
  payload.copy(frame, writeHeader(frame, 0, { firstByte, length }));
  return frame;
}

function headerBytesFor(length: number): number {
  if (length <= largestShortLength) return shortHeaderBytes;
  return length < 65_536 ? mediumHeaderBytes : longHeaderBytes;
}

/** @returns how many bytes the header has */
function writeHeader(target: Buffer, at: number, { firstByte, length }: { firstByte: number; length: number }): number {
  target[at] = firstByte;
  const headerBytes = headerBytesFor(length);
  if (headerBytes === shortHeaderBytes) target[at + 1] = length;
  else if (headerBytes === mediumHeaderBytes) {
    target[at + 1] = 126;
    target.writeUInt16BE(length, at + 2);
  } else {
    target[at + 1] = 127;
    target.writeUInt32BE(Math.floor(length / 2 ** 32), at + 2);
    target.writeUInt32BE(length >>> 0, at + 6);
  }
  return headerBytes;
}

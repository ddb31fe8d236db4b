import { bytesOf, type Message } from "../channel/message.ts";
import type { Payload } from "../channel/payload.ts";

// RFC 6455 §5.2. The first byte of an unfragmented frame: FIN and the opcode.
const finText = 0x81;
const finBinary = 0x82;
const finClose = 0x88;
const finPing = 0x89;
const finPong = 0x8a;

/** One unmasked, unfragmented data frame: text for a string, binary for bytes. */
export function encodeMessage(message: Message): Buffer {
  return typeof message === "string" ? encodeText(message) : encodeFrame(finBinary, bytesOf(message));
}

/** The frame of a shared message. */
export function frameOf(payload: Payload): Buffer {
  return encodeFrame(payload.isText ? finText : finBinary, payload.bytes);
}

export function encodePing(data: Uint8Array): Buffer {
  return encodeFrame(finPing, bytesOf(data));
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

function encodeText(text: string): Buffer {
  const { length } = text;
  // Up to three bytes a character: a short text surely has a short header, and is encoded in place.
  if (length > 41) return encodeFrame(finText, Buffer.from(text, "utf8"));
  const frame = Buffer.allocUnsafe(2 + length * 3);
  const written = frame.write(text, 2, "utf8");
  frame[0] = finText;
  frame[1] = written;
  return frame.subarray(0, 2 + written);
}

function encodeFrame(firstByte: number, payload: Buffer): Buffer {
  const { length } = payload;
  const headerBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerBytes + length);
  frame[0] = firstByte;
  if (headerBytes === 2) frame[1] = length;
  else if (headerBytes === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2);
    frame.writeUInt32BE(length >>> 0, 6);
  }
  payload.copy(frame, headerBytes);
  return frame;
}

import type { Message } from "../channel/message.ts";
import type { Outbox } from "../channel/outbox.ts";
import { slab } from "../channel/slab.ts";
import type { Deflater } from "./deflater.ts";
import { encodeMessage, mostFrameBytes, writeMessage } from "./frame.ts";

/** Says whether so many bytes more may wait. */
export type Room = { hasRoomFor(bytes: number): boolean };

/**
 * Puts a message behind all that waits: compressed if that is wanted, else in place if it is short.
 *
 * @returns false when there is no room for it
 */
export function appendMessage(room: Room, outbox: Outbox, message: Message, deflater: Deflater | undefined): boolean {
  const compressed = deflater?.encode(message);
  if (compressed !== undefined) return appendFrame(room, outbox, compressed);
  const mostBytes = mostFrameBytes(message);
  // What may have no room is encoded first, to see how long it is.
  const place = room.hasRoomFor(mostBytes) ? outbox.reserve(mostBytes) : -1;
  if (place === -1) return appendFrame(room, outbox, ...encodeMessage(message));
  outbox.commit(writeMessage(slab.bytes, place, message));
  return true;
}

const [emptyFrame] = encodeMessage(new Uint8Array(0));

/** Puts an empty frame, then a text, behind all that waits, whether or not there is room: in place, if they are short. */
export function appendEscaped(outbox: Outbox, text: string): void {
  const mostBytes = emptyFrame.length + mostFrameBytes(text);
  const place = outbox.reserve(mostBytes);
  if (place === -1) {
    outbox.append(emptyFrame);
    for (const piece of encodeMessage(text)) if (piece !== undefined) outbox.append(piece);
    return;
  }
  emptyFrame.copy(slab.bytes, place);
  outbox.commit(emptyFrame.length + writeMessage(slab.bytes, place + emptyFrame.length, text));
}

/**
 * Puts a frame behind all that waits.
 *
 * @param payload - where the frame is in two pieces
 * @returns false when there is no room for it
 */
export function appendFrame(room: Room, outbox: Outbox, frame: Buffer, payload?: Buffer): boolean {
  if (!room.hasRoomFor(frame.length + (payload?.length ?? 0))) return false;
  outbox.append(frame);
  if (payload !== undefined) outbox.append(payload);
  return true;
}

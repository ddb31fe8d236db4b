import type { Message } from "../channel/message-type.ts";
import { Payload } from "../channel/payload.ts";
import type { PieceFormat } from "../http/chunk.ts";
import { encodeChunk } from "../http/chunk.ts";
import type { CloseRecord, ControlRecord } from "../protocol/control-record.ts";
import { encodeRecord } from "../protocol/record-codec.ts";
import { bytesOf } from "../channel/message.ts";

/** What a session keeps until it is acknowledged: a message of its own, or one that it shares with other channels. */
export type Item = Message | Payload;

/** The bytes of a message as it goes out, without what stands before them. */
export function sizeOf(item: Item): number {
  if (typeof item === "string") return Buffer.byteLength(item);
  return item instanceof Payload ? item.byteLength : item.length;
}

/** How much a session answers for that keeps an item. @param bytes - of the item as any message counts */
export function shareOf(item: Item | CloseRecord, bytes: number): number {
  return item instanceof Payload ? item.shareBytes : bytes;
}

/** The record of anything but a shared message. */
export function recordOf(item: Message | ControlRecord): Buffer {
  return bytesOf(encodeRecord(item));
}

/** The record of a shared message. */
export function recordOfShared(payload: Payload): Buffer {
  return bytesOf(encodeRecord(payload.message));
}

/** How shared messages stand in the stream of a session. */
export const recordFormat: PieceFormat = {
  piece: recordOfShared,
  chunk: (payload) => encodeChunk(payload.encodedBy(recordOfShared)),
};

import type { Message } from "../channel/message-type.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import { encodeUtf8 } from "../protocol/utf-8.ts";

/** Of records: their headers and payloads. */
export type BodyPart = string | Uint8Array<ArrayBuffer>;

/** One record as it stands in a body: its header, and its payload. */
export function encodeRecord(record: Message | ControlRecord): [string, Uint8Array<ArrayBuffer>] {
  const isText = typeof record === "string";
  const isBytes = record instanceof Uint8Array;
  const payload = isBytes ? record : encodeUtf8(isText ? record : JSON.stringify(record));
  return [`${isBytes ? "b" : isText ? "t" : "c"}${payload.length}:`, payload as Uint8Array<ArrayBuffer>];
}

import type { Message } from "./message-type.ts";

// The type stands in a file of its own, so that browsers can share it: what is below needs Node.
export type { Message } from "./message-type.ts";

/** A message as bytes: text as UTF-8, bytes without a copy. */
export function bytesOf(message: Message): Buffer {
  if (typeof message === "string") return Buffer.from(message, "utf8");
  if (Buffer.isBuffer(message)) return message;
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
}

/** Text, or bytes. Bytes are not copied: do not change them after they were sent. */
export type Message = string | Uint8Array;

/** A message as bytes: text as UTF-8, bytes without a copy. */
export function bytesOf(message: Message): Buffer {
  if (typeof message === "string") return Buffer.from(message, "utf8");
  if (Buffer.isBuffer(message)) return message;
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
}

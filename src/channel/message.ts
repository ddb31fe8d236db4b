import type { Message } from "./message-type.ts";

// The type stands in a file of its own, so that browsers can share it: what is below needs Node.
export type { Message } from "./message-type.ts";

/** A message as bytes: text as UTF-8, bytes without a copy. */
export function bytesOf(message: Message): Buffer {
  if (typeof message === "string") return Buffer.from(message, "utf8");
  if (Buffer.isBuffer(message)) return message;
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
}

/** V8 copies what is shorter than this when it is cut out of a text (`SlicedString::kMinLength`). */
const shortestSlice = 13;

/**
 * A text that holds no other one in memory.
 *
 * What is cut out of a text is no copy in V8: it holds the whole of it. Kept as it is and counted by its own bytes, a word
 * out of each large message of a client would keep all of these. A round through a buffer would do the same, at some times
 * the cost.
 */
export function ownText(text: string): string {
  return text.length < shortestSlice ? text : ` ${text}`.slice(1);
}

const encoder = new TextEncoder();
// A byte order mark is part of a message, and not ours to take away.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** RFC 3629 §3: so many bytes at most take the place of a UTF-16 unit. To count them all costs more than to know that they are few. */
export const mostBytesPerUnit = 3;

/** Text as UTF-8. A lone surrogate becomes U+FFFD, as in a WebSocket of a browser. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** UTF-8 as text. Throws if it is none. */
export function readUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** UTF-8 as text, or undefined if it is none. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return readUtf8(bytes);
  } catch {
    return undefined;
  }
}

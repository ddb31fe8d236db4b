import type { Encoder, Payload } from "../channel/payload.ts";

/** The end of a chunked body (RFC 9112 §7.1), without trailers. */
export const lastChunk: Buffer = Buffer.from("0\r\n\r\n", "latin1");

/** One chunk (RFC 9112 §7.1). The bytes must not be empty: an empty chunk would end the body. */
export function encodeChunk(bytes: Buffer): Buffer {
  const size = `${bytes.length.toString(16)}\r\n`;
  const chunk = Buffer.allocUnsafe(size.length + bytes.length + 2);
  chunk.write(size, 0, "latin1");
  bytes.copy(chunk, size.length);
  chunk.write("\r\n", size.length + bytes.length, "latin1");
  return chunk;
}

/** How messages stand in a stream that is no sequence of plain messages: never empty. */
export type PieceFormat = { readonly piece: Encoder; readonly chunk: Encoder };

/** The chunk of a shared message. */
export function chunkOf(payload: Payload): Buffer {
  return encodeChunk(payload.bytes);
}

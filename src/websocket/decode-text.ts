import { isAscii } from "node:buffer";

/** The text of bytes that are known to be UTF-8. One that is ASCII, as most are, is made without decoding. */
export function decodeText(bytes: Buffer): string {
  return bytes.toString(isAscii(bytes) ? "latin1" : "utf8");
}

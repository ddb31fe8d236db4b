import { mostHeaderBytes, type SessionRecord } from "../protocol/record-codec.ts";
import { readUtf8 } from "../protocol/utf-8.ts";
import type { Link } from "./link.ts";
import { check } from "./misuse.ts";
import { asInProtocol, readControl } from "./read-control.ts";

/** A whole header, or as many characters as one has at most, which are none. */
const header = /^(?:([tbc])(\d+):|.{12})/s;

export const noBytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/**
 * Reads the records of a server, whose bytes may come cut anywhere.
 *
 * Not the decoder of servers, which is made for speed and for peers that are not trusted.
 *
 * @returns takes the next bytes, and throws for those that are no records: nothing more may come then
 */
export function createRecordReader(link: Link, take: (record: SessionRecord) => void): (chunk: Uint8Array) => void {
  /** What has come of a record that is not complete: the first of these bytes. */
  let held = noBytes;
  let heldBytes = 0;
  return (chunk) => {
    const bytes = heldBytes + chunk.length;
    if (bytes > held.length) {
      const grown = new Uint8Array(2 * bytes);
      grown.set(held);
      held = grown;
    }
    held.set(chunk, heldBytes);
    let start = 0;
    for (;;) {
      const rest = held.subarray(start, bytes);
      const [whole, kind, digits] = header.exec(String.fromCharCode(...rest.subarray(0, mostHeaderBytes))) ?? [];
      if (!whole) break;
      check(Number(digits) <= link.settings.maxReceivedBytes, "record", asInProtocol, 0, whole);
      const end = whole.length + Number(digits);
      if (end > rest.length) break;
      const payload = rest.slice(whole.length, end);
      start += end;
      const record = kind === "b" ? payload : kind === "t" ? readUtf8(payload) : readControl(link, readUtf8(payload));
      // There is none behind what was no record: whoever takes it is let go of then.
      take(record as SessionRecord);
    }
    // A large record is not kept beyond itself.
    if (start) held = held.slice(start, bytes);
    heldBytes = bytes - start;
  };
}

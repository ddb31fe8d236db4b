import { decodeControl, encodeControl, type Fault, faultOf, maxControlBytes } from "./control-codec.ts";
import type { Message } from "../channel/message-type.ts";
import type { ControlRecord } from "./control-record.ts";
import { decodeUtf8, encodeUtf8 } from "./utf-8.ts";

/** What the body of an HTTP transport is made of. */
export type SessionRecord = Message | ControlRecord;

/** Text, bytes, or a control record. */
type RecordKind = "t" | "b" | "c";

/** What stands before the payload of a record: its kind, how many bytes it has, a colon. */
export function recordHeader(kind: RecordKind, payloadBytes: number): string {
  return `${kind}${payloadBytes}:`;
}

/** One record as it stands in the body of a request or response. */
export function encodeRecord(record: SessionRecord): Uint8Array {
  if (record instanceof Uint8Array) return join("b", record);
  if (typeof record === "string") return join("t", encodeUtf8(record));
  return join("c", encodeUtf8(encodeControl(record)));
}

function join(kind: RecordKind, payload: Uint8Array): Uint8Array {
  const header = encodeUtf8(recordHeader(kind, payload.length));
  const record = new Uint8Array(header.length + payload.length);
  record.set(header);
  record.set(payload, header.length);
  return record;
}

/** A whole header, or the beginning of one: at most so many characters. */
const header = /^([tbc])(0|[1-9]\d{0,9}):/;
const beginningOfHeader = /^([tbc](0|[1-9]\d{0,9})?)?$/;
export const mostHeaderBytes = 12;

// Pure, so that a bundle of the client, which has no use for it, leaves it out.
const nothing = /* @__PURE__ */ new Uint8Array(0);

/**
 * Reads the records of one body, whose bytes may come cut anywhere.
 *
 * A length over its limit is a fault as soon as it is read, and memory grows with the bytes that have come, not with
 * those that are announced.
 */
export class RecordDecoder {
  readonly #maxMessageBytes: number;
  readonly #take: (record: SessionRecord) => void;
  /** What has come of a record that is not complete: the first of these bytes. */
  #held = nothing;
  #heldBytes = 0;
  #fault: Fault | undefined;
  #leftRecords: number;

  /** @param mostRecords - what stands behind so many is not read */
  constructor(maxMessageBytes: number, take: (record: SessionRecord) => void, mostRecords: number = Infinity) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#take = take;
    this.#leftRecords = mostRecords;
  }

  /** Whether the body may end here: what was read are whole records. */
  get isBetweenRecords(): boolean {
    return this.#heldBytes === 0 && this.#fault === undefined;
  }

  /** Reads on. @returns what is wrong with the body: nothing is read from it any more */
  push(chunk: Uint8Array): Fault | undefined {
    let bytes = chunk;
    if (this.#heldBytes > 0) {
      this.#hold(chunk, this.#heldBytes);
      bytes = this.#held.subarray(0, this.#heldBytes);
    }
    let start = 0;
    for (let end = 0; end >= 0 && this.#fault === undefined && this.#leftRecords > 0;) {
      start = end;
      end = this.#readRecord(bytes, start);
    }
    this.#hold(this.#leftRecords > 0 ? bytes.subarray(start) : nothing, 0);
    return this.#fault;
  }

  /** Keeps bytes behind those that are held. */
  #hold(bytes: Uint8Array, at: number): void {
    this.#heldBytes = at + bytes.length;
    // A large message is not kept beyond itself.
    if (this.#heldBytes === 0) this.#held = nothing;
    if (this.#heldBytes > this.#held.length) {
      const grown = new Uint8Array(Math.max(this.#heldBytes, 2 * at));
      grown.set(this.#held.subarray(0, at));
      this.#held = grown;
    }
    this.#held.set(bytes, at);
  }

  /** @returns where the record ends, -1 if it is not complete */
  #readRecord(bytes: Uint8Array, start: number): number {
    const text = String.fromCharCode(...bytes.subarray(start, start + mostHeaderBytes));
    const [whole = "", kind, digits] = header.exec(text) ?? [];
    if (kind === undefined) {
      if (!beginningOfHeader.test(text))
        this.#fail(faultOf("a record must begin with t, b or c, its length, and a colon"));
      return -1;
    }
    const most = kind === "c" ? maxControlBytes : this.#maxMessageBytes;
    const end = start + whole.length + Number(digits);
    if (Number(digits) > most) {
      const name = kind === "c" ? "fault" : "tooBig";
      this.#fail({ fault: `a record of kind ${kind} must have at most ${most} bytes`, name });
    } else if (end <= bytes.length) this.#complete(kind, bytes.subarray(start + whole.length, end));
    return end <= bytes.length ? end : -1;
  }

  #complete(kind: string, payload: Uint8Array): void {
    this.#leftRecords -= 1;
    // A copy: the bytes belong to others, who may use them again.
    if (kind === "b") {
      this.#take(new Uint8Array(payload));
      return;
    }
    const text = decodeUtf8(payload);
    const record = text === undefined || kind === "t" ? text : decodeControl(text);
    if (text === undefined) this.#fail(faultOf("text must be UTF-8"));
    else if (typeof record === "object" && "fault" in record) this.#fail(record);
    else if (record !== undefined) this.#take(record);
  }

  #fail(fault: Fault): void {
    this.#fault = fault;
  }
}

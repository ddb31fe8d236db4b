import { decodeControl, encodeControl, type Fault, faultOf, maxControlBytes } from "./control-codec.ts";
import type { Message } from "../channel/message-type.ts";
import type { SessionRecord } from "./record-codec.ts";

const escape = new Uint8Array(0);

/**
 * What a WebSocket carries for a record: a message is one frame, as in a plain channel.
 *
 * Everything else stands in a text frame behind the escape, which is an empty binary frame.
 */
export function framesOf(record: SessionRecord): readonly Message[] {
  if (typeof record === "string") return [record];
  if (!(record instanceof Uint8Array)) return [escape, encodeControl(record)];
  return record.length > 0 ? [record] : [escape, encodeControl({ type: "empty" })];
}

/** Tells messages from control records in the frames of one WebSocket. */
export class FrameDecoder {
  #isEscaped = false;

  /** @returns undefined for an escape, and for a control record that is to be ignored */
  read(frame: Message): SessionRecord | Fault | undefined {
    if (!this.#isEscaped) {
      this.#isEscaped = typeof frame !== "string" && frame.length === 0;
      return this.#isEscaped ? undefined : frame;
    }
    this.#isEscaped = false;
    // Text of so many UTF-16 units has at least as many bytes.
    if (typeof frame !== "string" || frame.length > maxControlBytes) {
      return faultOf(`an escape must be followed by a text frame of at most ${maxControlBytes} bytes`);
    }
    const record = decodeControl(frame);
    return record !== undefined && "type" in record && record.type === "empty" ? escape : record;
  }
}

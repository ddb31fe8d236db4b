import { bytesOf, type Message } from "./message.ts";

/** Turns one payload into the bytes of one wire format. The function itself is the key under which the bytes are shared. */
export type Encoder = (payload: Payload) => Buffer;

/**
 * One message on its way to any number of channels: its bytes are made once, and once for each wire format.
 *
 * Encoders belong to the transports, so this class knows no format; a store hands the same payload to all its members.
 */
export class Payload {
  readonly message: Message;
  /** Media type of the message where a transport tells it: HTTP answers. */
  readonly contentType: string;
  #bytes: Buffer | undefined;
  #lastEncoder: Encoder | undefined;
  #lastEncoding: Buffer | undefined;
  #others: Map<Encoder, Buffer> | undefined;

  constructor(message: Message, contentType: string) {
    this.message = message;
    this.contentType = contentType;
  }

  get isText(): boolean {
    return typeof this.message === "string";
  }

  /** The message as bytes: text as UTF-8. Made once; bytes given by the caller are not copied. */
  get bytes(): Buffer {
    return (this.#bytes ??= bytesOf(this.message));
  }

  /** The bytes of one wire format, made by the first caller and shared with all others. */
  encodedBy(encoder: Encoder): Buffer {
    // A group is mostly of one kind: one pair of fields spares it a map.
    if (this.#lastEncoder === encoder && this.#lastEncoding !== undefined) return this.#lastEncoding;
    const encoding = this.#others?.get(encoder) ?? encoder(this);
    if (this.#lastEncoder !== undefined) (this.#others ??= new Map()).set(encoder, encoding);
    else {
      this.#lastEncoder = encoder;
      this.#lastEncoding = encoding;
    }
    return encoding;
  }
}

import { bytesOf, type Message } from "./message.ts";
import { messageOverheadBytes } from "./session-limits.ts";

/** A message in a list of what is kept: 10 bytes were measured with lists that are a power of two long, and half empty at worst. */
const keptSlotBytes = 16;
/** The payload itself. With the slot, it is what each message of a client counts beside its bytes. */
const keptPayloadBytes: number = messageOverheadBytes - keptSlotBytes;

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
  #byteLength: number | undefined;
  #lastEncoder: Encoder | undefined;
  #lastEncoding: Buffer | undefined;
  #others: Map<Encoder, Buffer> | undefined;
  readonly #readers: number;
  #shareBytes: number | undefined;

  /** @param readers - how many channels it is for. A group may have had none when it was made, and have some when it is sent */
  constructor(message: Message, contentType: string, readers = 1) {
    this.message = message;
    this.contentType = contentType;
    this.#readers = Math.max(1, readers);
  }

  get isText(): boolean {
    return typeof this.message === "string";
  }

  /** The message as bytes: text as UTF-8. Made once; bytes given by the caller are not copied. */
  get bytes(): Buffer {
    return (this.#bytes ??= bytesOf(this.message));
  }

  /**
   * How many bytes it has, the same at any time: who counts it has to count it off again, and bytes that are not copied may be
   * gone by then, with a buffer that their owner has transferred.
   */
  get byteLength(): number {
    return (this.#byteLength ??= this.bytes.length);
  }

  /**
   * What each of those that it is for answers for, in bytes, where it is kept: its part of what is kept once for all.
   *
   * Counted for each in full, a broadcast to many that keep up would look like memory that is not there; counted for none,
   * what is sent to groups of one would have no bound. The part stays the same when others have let go of it, so that a sum
   * needs no look at who still keeps it.
   */
  get shareBytes(): number {
    return (this.#shareBytes ??= keptSlotBytes + Math.ceil((this.byteLength + keptPayloadBytes) / this.#readers));
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

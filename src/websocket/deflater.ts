import { constants, deflateRawSync } from "node:zlib";
import type { CompressionLimits } from "../channel/limits.ts";
import { bytesOf, type Message } from "../channel/message.ts";
import type { Encoder } from "../channel/payload.ts";
import { encodeCompressed, frameOf } from "./frame.ts";

/** How far back a compressed message refers, as a power of two: 4 KiB take 2 % more bytes than 32 KiB, and half the time. */
export const windowBits = 12;

const options = {
  windowBits,
  // Ten per cent more bytes than at level 6, in little more than half the time.
  level: 3,
  memLevel: 5,
  finishFlush: constants.Z_SYNC_FLUSH,
};

/** What such a flush ends with, and a sender leaves away (RFC 7692 §7.2.1). */
const flushMarkBytes = 4;

/**
 * Compresses the messages of one server, each for itself.
 *
 * At once, and not on another thread: a message of some kilobytes takes less than the way there and back, nothing is kept
 * for a connection, and everything stays in the order in which it was sent. Reusing a compressor would save 5 to 7 µs
 * a message, half of that for 1 KiB, but Node has no public way to run one at once.
 */
export class Deflater {
  readonly #limits: CompressionLimits;

  constructor(limits: CompressionLimits) {
    this.#limits = limits;
  }

  /** The frame of a shared message. The same function for all channels, so that they share what it gives. */
  readonly frameOf: Encoder = (payload) => {
    const { bytes } = payload;
    return this.#compress(payload.isText, bytes) ?? payload.encodedBy(frameOf);
  };

  /** @returns the frame of a message; undefined when it is to go out as it is */
  encode(message: Message): Buffer | undefined {
    const { minBytes, maxBytes } = this.#limits;
    // Up to three bytes a character: most short texts need not be encoded to see that they are short.
    const isShort = message.length * 3 < minBytes;
    if (isShort || message.length > maxBytes) return undefined;
    return this.#compress(typeof message === "string", bytesOf(message));
  }

  #compress(isText: boolean, bytes: Buffer): Buffer | undefined {
    const { minBytes, maxBytes } = this.#limits;
    if (bytes.length < minBytes || bytes.length > maxBytes) return undefined;
    const deflated = deflateRawSync(bytes, options).subarray(0, -flushMarkBytes);
    return deflated.length < bytes.length ? encodeCompressed(isText, deflated) : undefined;
  }
}

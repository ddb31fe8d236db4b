import { constants, deflateRawSync, inflateRawSync } from "node:zlib";

const tail = Buffer.of(0, 0, 0xff, 0xff); // RFC 7692, 7.2.1: the sender removes it, the receiver puts it back
const windowBytes = 32 * 1024;

/** The payload of a compressed message that refers to none before it. */
export function deflateMessage(message: string | Uint8Array): Buffer {
  return deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -tail.length);
}

/** A compressed message that refers to none before it. */
export function inflateMessage(payload: Uint8Array): Buffer {
  return new MessageInflater().inflate(payload);
}

/** Reads compressed messages in their order, whether or not the sender keeps its context between them. */
export class MessageInflater {
  #window = Buffer.alloc(0);

  inflate(payload: Uint8Array): Buffer {
    const dictionary = this.#window.length > 0 ? { dictionary: this.#window } : {};
    const bytes = Buffer.concat([payload, tail]);
    const message = inflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, ...dictionary });
    this.#window = Buffer.concat([this.#window, message]).subarray(-windowBytes);
    return message;
  }
}

import type { Encoder, Payload } from "../channel/payload.ts";

/**
 * Shared messages that one WebSocket of a session was given in one turn, and nothing else. The other members of a group are
 * given the same: each takes them at once, as the frames of all.
 */
export class SharedRun {
  static readonly none: SharedRun = new SharedRun();

  readonly payloads: Payload[] = [];
  #encoder: Encoder | undefined;
  #frames: Buffer | undefined;

  /** The frames of all, joined when they are wanted for the first time: most runs are taken by nobody else. */
  framesBy(encoder: Encoder): Buffer {
    if (this.#frames === undefined || this.#encoder !== encoder) {
      this.#encoder = encoder;
      this.#frames = Buffer.concat(this.payloads.map((payload) => payload.encodedBy(encoder)));
    }
    return this.#frames;
  }
}

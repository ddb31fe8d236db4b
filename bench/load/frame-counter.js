// @ts-check

const textOpcode = 1;
const mediumLength = 126;

/**
 * Counts the messages in what a server sends: text frames, by their lengths. Of a compressed message nothing can be
 * told from its bytes without inflating it, so where messages are compressed this counts them in place of the marker.
 */
export class FrameCounter {
  /** What is left of the payload that is being skipped. */
  #skip = 0;
  /** The beginning of a header whose end has not come. */
  #header = Buffer.alloc(0);

  /** @param {Uint8Array} bytes that have come */
  count(bytes) {
    const all = this.#header.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#header, bytes]);
    let count = 0;
    let at = this.#skip;
    for (;;) {
      const length = (all[at + 1] ?? 0) & 0x7f;
      const headerBytes = length < mediumLength ? 2 : length === mediumLength ? 4 : 10;
      if (at + headerBytes > all.length) break;
      if (((all[at] ?? 0) & 0x0f) === textOpcode) count += 1;
      const payloadBytes =
        headerBytes === 2 ? length : headerBytes === 4 ? all.readUInt16BE(at + 2) : Number(all.readBigUInt64BE(at + 2));
      at += headerBytes + payloadBytes;
    }
    this.#header = Buffer.from(all.subarray(Math.min(at, all.length)));
    this.#skip = Math.max(0, at - all.length);
    return count;
  }
}

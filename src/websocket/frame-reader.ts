import { isUtf8 } from "node:buffer";
import type { Writable } from "node:stream";
import type { Limits } from "../channel/limits.ts";
import { MessageRate } from "../channel/message-rate.ts";
import type { Pace, Reader } from "./reader.ts";
import { createReceiver, type ReceiverListener } from "./receiver.ts";

// RFC 6455 §5.2.
const finBit = 0x80;
const reservedBits = 0x70;
const maskBit = 0x80;
const continuation = 0x0;
const text = 0x1;
const binary = 0x2;
const close = 0x8;
const ping = 0x9;
const pong = 0xa;
const maskBytes = 4;

/** Up to this size the beginning of a frame waits here for its end: a copy of it costs less than to make a parser. */
const largestWaitingBytes = 4096;

/**
 * What a client sends that does not compress, frame by frame.
 *
 * Nearly all frames are a whole short message or a pong, whole in what the socket has read: those are read here, in
 * place. Everything else is left to the parser of `ws`: fragments, large messages, Close frames, and whatever breaks the
 * protocol. It costs 2 µs for each frame and more memory than the rest of a channel, so it is made only when it is
 * needed, and let go of when its message is done.
 */
export class FrameReader implements Reader {
  readonly #limits: Limits;
  readonly #listener: ReceiverListener;
  /** The beginning of a frame whose end has not come. */
  #rest: Buffer | undefined;
  #receiver: Writable | undefined;
  /** How many of the bytes that come next are for the receiver. */
  #owedBytes = 0;
  /** The receiver has begun a message that further frames go on with. */
  #isFragmented = false;
  #isOver = false;
  readonly #pace: Pace;
  #frames = 0;
  /** At so many frames it is looked whether the client is too fast. */
  #framesToCheck: number;
  #rate: MessageRate | undefined;

  constructor(limits: Limits, listener: ReceiverListener, pace: Pace) {
    this.#limits = limits;
    this.#listener = listener;
    this.#pace = pace;
    this.#framesToCheck = limits.maxMessagesPerSecond;
  }

  /** Everything is read at once, unless the client is too fast. */
  get isBehind(): boolean {
    return this.#rate?.isHeld === true;
  }

  /** Takes what the socket has read, which may be changed: masks are taken off in place. */
  read(chunk: Buffer): void {
    this.#readFrames(chunk);
    if (this.#frames >= this.#framesToCheck) this.#checkRate();
  }

  #checkRate(): void {
    this.#rate ??= new MessageRate(this.#limits.maxMessagesPerSecond, this.#pace);
    this.#framesToCheck = this.#rate.came(this.#frames);
  }

  #readFrames(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    let at = 0;
    while (at < bytes.length && !this.#isOver) {
      if (this.#owedBytes > 0) at += this.#handOver(bytes, at);
      else {
        const taken = this.#readFrame(bytes, at);
        at += taken;
        if (taken === 0 && this.#owedBytes === 0) {
          // A copy, so that a few bytes do not keep all that was read with them.
          this.#rest = Buffer.from(bytes.subarray(at));
          return;
        }
      }
    }
  }

  resume(): void {
    // Nothing was kept back.
  }

  end(done: () => void): void {
    done();
  }

  /** @returns how many bytes were read; 0 when more have to come first, or when the receiver is owed the frame */
  #readFrame(bytes: Buffer, at: number): number {
    const available = bytes.length - at;
    if (available < 2) return 0;
    const first = bytes[at] ?? 0;
    const second = bytes[at + 1] ?? 0;
    if (!this.#isInOrder(first, second)) {
      this.#owedBytes = Infinity;
      return 0;
    }
    const shortLength = second & 0x7f;
    const headerBytes = shortLength < 126 ? 2 : shortLength === 126 ? 4 : 10;
    if (available < headerBytes) return 0;
    const length = shortLength < 126 ? shortLength : lengthAt(bytes, at + 2, headerBytes - 2);
    const frameBytes = headerBytes + maskBytes + length;
    if (this.#isPlain(first, length)) {
      if (available >= frameBytes) {
        this.#take(bytes, at + headerBytes, { opcode: first & 0x0f, length });
        return frameBytes;
      }
      if (frameBytes <= largestWaitingBytes) return 0;
    }
    if ((first & 0x0f) < close) this.#isFragmented = (first & finBit) === 0;
    this.#owedBytes = frameBytes;
    return 0;
  }

  /** Whether a frame may come now. The receiver is shown what may not, and says what is wrong with it. */
  #isInOrder(first: number, second: number): boolean {
    const opcode = first & 0x0f;
    if ((first & reservedBits) !== 0 || (second & maskBit) === 0) return false;
    if (opcode >= close) return opcode <= pong && (first & finBit) !== 0 && (second & 0x7f) <= 125;
    return opcode <= binary && (opcode === continuation) === this.#isFragmented;
  }

  /** Whether a frame is a message or a control frame that is read here. */
  #isPlain(first: number, length: number): boolean {
    const opcode = first & 0x0f;
    if ((first & finBit) === 0 || length > this.#limits.maxMessageBytes) return false;
    return opcode === text || opcode === binary || opcode === ping || opcode === pong;
  }

  #take(bytes: Buffer, maskAt: number, { opcode, length }: { opcode: number; length: number }): void {
    const start = maskAt + maskBytes;
    const end = start + length;
    this.#frames += 1;
    const isAscii = unmask(bytes, maskAt, end);
    if (opcode === text) {
      if (isAscii) this.#listener.receivedMessage(bytes.toString("latin1", start, end));
      else if (isUtf8(bytes.subarray(start, end))) this.#listener.receivedMessage(bytes.toString("utf8", start, end));
      else {
        this.#isOver = true;
        this.#listener.receivedViolation(1007, "its text is not UTF-8");
      }
    }
    // Copies, so that a message that is kept does not keep all that was read with it.
    else if (opcode === binary) this.#listener.receivedMessage(Buffer.from(bytes.subarray(start, end)));
    else if (opcode === ping) this.#listener.receivedPing(Buffer.from(bytes.subarray(start, end)));
  }

  /** @returns how many bytes the receiver was given */
  #handOver(bytes: Buffer, at: number): number {
    const count = Math.min(this.#owedBytes, bytes.length - at);
    const receiver = (this.#receiver ??= createReceiver(this.#limits, this.#listener));
    this.#owedBytes -= count;
    receiver.write(bytes.subarray(at, at + count));
    // After a Close frame or a fault it takes nothing more.
    if (!receiver.writable) this.#isOver = true;
    if (this.#owedBytes === 0) this.#frames += 1;
    if (this.#owedBytes === 0 && !this.#isFragmented) this.#receiver = undefined;
    return count;
  }
}

/**
 * Takes the mask off the bytes behind it, in place (RFC 6455 §5.3).
 *
 * @returns whether they are all ASCII, which costs nothing to find out on the way
 */
function unmask(bytes: Buffer, maskAt: number, end: number): boolean {
  const mask0 = bytes[maskAt] ?? 0;
  const mask1 = bytes[maskAt + 1] ?? 0;
  const mask2 = bytes[maskAt + 2] ?? 0;
  const mask3 = bytes[maskAt + 3] ?? 0;
  let at = maskAt + maskBytes;
  let seen = 0;
  for (; at + maskBytes <= end; at += maskBytes) {
    seen |= bytes[at] = (bytes[at] ?? 0) ^ mask0;
    seen |= bytes[at + 1] = (bytes[at + 1] ?? 0) ^ mask1;
    seen |= bytes[at + 2] = (bytes[at + 2] ?? 0) ^ mask2;
    seen |= bytes[at + 3] = (bytes[at + 3] ?? 0) ^ mask3;
  }
  if (at < end) seen |= bytes[at] = (bytes[at] ?? 0) ^ mask0;
  if (at + 1 < end) seen |= bytes[at + 1] = (bytes[at + 1] ?? 0) ^ mask1;
  if (at + 2 < end) seen |= bytes[at + 2] = (bytes[at + 2] ?? 0) ^ mask2;
  return seen < 0x80;
}

/** A length of two or eight bytes. Eight bytes may be more than a number holds exactly; no such frame is taken. */
function lengthAt(bytes: Buffer, at: number, count: number): number {
  if (count === 2) return bytes.readUInt16BE(at);
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

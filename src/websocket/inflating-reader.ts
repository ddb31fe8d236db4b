import type { Writable } from "node:stream";
import { inflateRawSync } from "node:zlib";
import { freeInflatedBytes, type Limits, maxInflationRatio } from "../channel/limits.ts";
import type { Message } from "../channel/message.ts";
import { MessageRate, type Paced } from "../channel/message-rate.ts";
import { isTurnSpent, postpone } from "../channel/turn.ts";
import type { Pace, Reader } from "./reader.ts";
import { createReceiver, longestMessageBytes, type MessageExtension, type ReceiverListener } from "./receiver.ts";

type Done = Parameters<MessageExtension["decompress"]>[2];

const noData = Buffer.alloc(0);

/**
 * The end of the flush that senders leave away (RFC 7692 §7.2.2), and an empty last block: a message that breaks off in
 * the middle of a block does not get there, and is a fault instead of a shorter message.
 */
const messageEnd = Buffer.of(0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff);

/** What is inflated grows by pieces of this size: for a short message a page of memory, for a large one few pieces. */
const [smallestPieceBytes, largestPieceBytes] = [1024, 64 * 1024];

/**
 * The reader of a connection that compresses.
 *
 * Each message is inflated at once and by itself, since no message refers to one before: 3 µs for a short one, 2 ms for a
 * mebibyte of JSON. On another thread a short one takes over ten times as long, and a connection keeps an inflater.
 *
 * Little input can be much work, so the messages of one read are not all inflated in one go: no further one while those
 * before wait for their handler, and none beyond the budget of the turn. Nothing is read meanwhile, and all that stands
 * behind, pings and Close frames too, keeps its place.
 */
export class InflatingReader implements Reader, MessageExtension, ReceiverListener, Paced {
  readonly #limits: Limits;
  readonly #listener: ReceiverListener;
  readonly #pace: Pace;
  readonly #receiver: Writable;
  #fragments: Buffer[] = [];
  #fragmentBytes = 0;
  #isBehind = false;
  #messages = 0;
  /** At so many messages it is looked whether the client is too fast. */
  #messagesToCheck: number;
  #rate: MessageRate | undefined;
  #keptBack: (() => void) | undefined;

  constructor(limits: Limits, listener: ReceiverListener, pace: Pace) {
    this.#limits = limits;
    this.#listener = listener;
    this.#pace = pace;
    this.#messagesToCheck = limits.maxMessagesPerSecond;
    this.#receiver = createReceiver(limits, this, this);
  }

  get isBehind(): boolean {
    return this.#isBehind || this.#rate?.isHeld === true;
  }

  receivedMessage(message: Message): void {
    this.#count();
    this.#listener.receivedMessage(message);
  }

  receivedPing(data: Buffer): void {
    this.#count();
    this.#listener.receivedPing(data);
  }

  receivedClose(code: number, reason: string): void {
    this.#listener.receivedClose(code, reason);
  }

  receivedViolation(code: number, rule: string): void {
    this.#listener.receivedViolation(code, rule);
  }

  #count(): void {
    this.#messages += 1;
    if (this.#messages < this.#messagesToCheck) return;
    this.#rate ??= new MessageRate(this.#limits.maxMessagesPerSecond, this);
    this.#messagesToCheck = this.#rate.came(this.#messages);
  }

  read(chunk: Buffer): void {
    if (this.#receiver.writable) this.#receiver.write(chunk, this.#chunkIsRead);
  }

  get isOpen(): boolean {
    return this.#pace.isOpen;
  }

  /** It was too fast, or may go on. */
  adjustReading(): void {
    if (!this.#isPaused) this.resume();
    this.#pace.adjustReading();
  }

  /** Whether no further message is inflated. A second read may be there: the first is gone through behind its event. */
  get #isPaused(): boolean {
    return this.#pace.isOpen && (this.#pace.isReadingPaused || this.#rate?.isHeld === true);
  }

  resume(): void {
    if (this.#isPaused) return;
    const next = this.#keptBack;
    this.#keptBack = undefined;
    if (next !== undefined) this.#soon(next);
  }

  end(done: () => void): void {
    this.#receiver.end(done);
  }

  decompress(data: Buffer, isLast: boolean, done: Done): void {
    this.#fragments.push(data);
    this.#fragmentBytes += data.length;
    const next = (): void => {
      if (isLast) this.#inflateMessage(done);
      else done(null, noData);
    };
    if (this.#isPaused) this.#keptBack = next;
    else this.#soon(next);
  }

  #soon(next: () => void): void {
    if (!isTurnSpent()) {
      // Not at once: the parser must have returned before it is answered.
      queueMicrotask(next);
      return;
    }
    this.#setBehind(true);
    postpone(next);
  }

  readonly #chunkIsRead = (): void => {
    if (this.#receiver.writableLength === 0) this.#setBehind(false);
  };

  #setBehind(isBehind: boolean): void {
    if (this.#isBehind === isBehind) return;
    this.#isBehind = isBehind;
    this.#pace.adjustReading();
  }

  #inflateMessage(done: Done): void {
    const bytes = this.#fragmentBytes;
    const deflated = Buffer.concat([...this.#fragments, messageEnd]);
    this.#fragments = [];
    this.#fragmentBytes = 0;
    // Nobody gets the message of a closed channel. One without any byte is not even an empty block, but means the same.
    if (!this.#pace.isOpen || bytes === 0) {
      done(null, noData);
      return;
    }
    const maxOutputLength = Math.min(
      longestMessageBytes(this.#limits),
      Math.max(freeInflatedBytes, bytes * maxInflationRatio),
    );
    const chunkSize = Math.min(largestPieceBytes, Math.max(smallestPieceBytes, bytes * 4));
    let message: Buffer;
    try {
      message = inflateRawSync(deflated, { maxOutputLength, chunkSize });
    } catch (error) {
      this.#receiver.destroy();
      const isTooLarge = error instanceof RangeError;
      if (isTooLarge)
        this.#listener.receivedViolation(1009, `its message inflates to more than ${maxOutputLength} bytes`);
      else this.#listener.receivedViolation(1007, "its compressed message cannot be inflated");
      return;
    }
    done(null, message);
  }
}

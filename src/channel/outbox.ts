import type { Socket } from "node:net";
import { FlushWaiters } from "./flush-waiters.ts";
import type { Limits } from "./limits.ts";
import { flushAtEndOfTurn } from "./turn.ts";

/** Above this size a copy costs more than the second buffer of a gathering write. */
const largestJoinedBytes = 64 * 1024;

/** A piece of a few bytes takes a hundred times its size while it waits by itself: so many are joined early. */
const mostPieces = 1024;

/** The pieces that were joined last: a broadcast gives the same pieces to every member of a group. */
let lastPieces: readonly Buffer[] = [];
let lastJoined: Buffer = Buffer.alloc(0);

/**
 * The bytes of one channel that wait for the network: everything appended in a turn leaves in one write.
 *
 * Bounded by `maxBufferedBytes`, which counts what waits here and what waits in the socket.
 */
export class Outbox {
  readonly #socket: Socket;
  readonly #limits: Limits;
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #isScheduled = false;
  #isHeld: boolean;
  // Few channels ever wait, and there is an outbox for each of them and for each request.
  #whenReleased: (() => void)[] | undefined;
  #waiters: FlushWaiters | undefined;

  /** @param isHeld - keeps everything until `release`: before the head of an upgrade nothing may leave */
  constructor(socket: Socket, limits: Limits, isHeld = false) {
    this.#socket = socket;
    this.#limits = limits;
    this.#isHeld = isHeld;
  }

  /** Bytes accepted and not yet handed to the network. */
  get bufferedAmount(): number {
    return this.#pieceBytes + this.#socket.writableLength;
  }

  /**
   * Whether so many bytes more are within the hard limit. Into an empty queue any number is.
   *
   * @param waitingBytes - what stands in line for this outbox
   */
  hasRoomFor(bytes: number, waitingBytes = 0): boolean {
    const buffered = this.bufferedAmount + waitingBytes;
    return buffered === 0 || buffered + bytes <= this.#limits.maxBufferedBytes;
  }

  /** Adds bytes, to leave at the end of the turn. Asks nothing: see `hasRoomFor`. */
  append(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#pieceBytes += piece.length;
    if (this.#isHeld) return;
    // A burst in one turn goes to the kernel while it still has room, instead of running into the hard limit.
    if (this.#pieceBytes >= this.#limits.softBufferedBytes || this.#pieces.length >= mostPieces) this.flush();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      flushAtEndOfTurn(this);
    }
  }

  /** Hands everything to the socket, in one write. */
  flush(): void {
    this.#isScheduled = false;
    const pieces = this.#pieces;
    if (pieces.length === 0 || this.#isHeld) return;
    const bytes = this.#pieceBytes;
    this.#pieces = [];
    this.#pieceBytes = 0;
    const socket = this.#socket;
    if (!socket.writable) return;
    const [first] = pieces;
    if (pieces.length === 1 && first !== undefined) socket.write(first);
    else if (bytes <= largestJoinedBytes) socket.write(join(pieces, bytes));
    else {
      socket.cork();
      for (const piece of pieces) socket.write(piece);
      socket.uncork();
    }
  }

  /** Puts the head of an upgrade before everything that waits, and lets it all go. */
  release(head: Buffer): void {
    this.#isHeld = false;
    this.#pieces.unshift(head);
    this.#pieceBytes += head.length;
    this.flush();
    for (const callback of this.#whenReleased ?? []) callback();
    this.#whenReleased = undefined;
  }

  /** Forgets what waits here. What the socket has taken is gone. */
  clear(): void {
    this.#pieces = [];
    this.#pieceBytes = 0;
  }

  /** Resolves when less than the soft limit waits, or the connection is gone. */
  async drained(): Promise<void> {
    while (this.bufferedAmount >= this.#limits.softBufferedBytes && !this.#socket.destroyed) await this.flushed();
  }

  /** Resolves when what has been appended so far was handed to the network, or the connection is gone. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) return resolve();
      const waiters = (this.#waiters ??= new FlushWaiters(this.#socket));
      const settle = (): void => {
        waiters.delete(settle);
        resolve();
      };
      waiters.add(settle);
      if (this.#isHeld) (this.#whenReleased ??= []).push(() => this.#whenWritten(settle));
      else this.#whenWritten(settle);
    });
  }

  #whenWritten(settle: () => void): void {
    const socket = this.#socket;
    this.flush();
    // A socket that was told to end says so itself when everything is written.
    if (socket.writableEnded && !socket.writableFinished) return;
    if (socket.writableLength === 0 || socket.writableFinished) settle();
    // An empty write stands behind all others in the queue of the socket and has a callback.
    else socket.write("", settle);
  }
}

function join(pieces: readonly Buffer[], bytes: number): Buffer {
  const isSame =
    lastJoined.length === bytes &&
    lastPieces.length === pieces.length &&
    lastPieces.every((piece, index) => piece === pieces[index]);
  if (!isSame) {
    lastJoined = Buffer.concat(pieces, bytes);
    lastPieces = pieces;
  }
  return lastJoined;
}

import type { Socket } from "node:net";
import { Bundle } from "./bundle.ts";
import type { Environment } from "./environment.ts";
import { FlushWaiters } from "./flush-waiters.ts";
import type { Limits } from "./limits.ts";
import type { Output } from "./output.ts";
import type { OutputBudget } from "./output-budget.ts";
import { largestSlabBytes, slab, type SlabWriter } from "./slab.ts";
import { flushAtEndOfTurn } from "./turn.ts";

/** A piece of a few bytes takes a hundred times its size while it waits by itself: so many are joined early. */
const mostPieces = 1024;

/** Of pieces that are larger than this on average, any number may wait: they take little more than their bytes. */
const leastPieceBytes = 1024;

/**
 * The bytes of one channel that wait for the network: everything appended in a turn leaves in one write.
 *
 * While the socket has not taken what it was given before, they stay here and leave together when it has. Bounded by
 * `maxBufferedBytes`, which counts what waits here and what waits in the socket.
 *
 * Short messages lie in the slab, which the next turn uses again. So what waits for a slow socket beyond its turn is copied
 * out of it first, into a buffer of its own: kept in place, a few of its bytes would keep the whole slab.
 */
export class Outbox implements SlabWriter, Output {
  readonly #socket: Socket;
  readonly #limits: Limits;
  readonly #budget: OutputBudget;
  #bundle: Bundle = Bundle.empty;
  /** All that waits here: the bundle, and what lies in the slab behind it. */
  #bytes = 0;
  #isScheduled = false;
  #isHeld: boolean;
  #isSocketBehind = false;
  /** Some of the bundle lies in the slab, where it stays only until the turn ends. */
  #isInSlab = false;
  // Few channels ever wait, and there is an outbox for each of them and for each request.
  #whenReleased: (() => void)[] | undefined;
  #waiters: FlushWaiters | undefined;

  /** @param isHeld - keeps everything until `release`: before the head of an upgrade nothing may leave */
  constructor(socket: Socket, { limits, budget }: Pick<Environment, "limits" | "budget">, isHeld = false) {
    this.#socket = socket;
    this.#limits = limits;
    this.#budget = budget;
    this.#isHeld = isHeld;
  }

  /** Bytes accepted and not yet handed to the network. */
  get bufferedAmount(): number {
    return this.#bytes + this.#socket.writableLength;
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
    this.leaveSlab();
    this.#bundle = this.#bundle.with(piece);
    this.#appended(piece.length);
  }

  /**
   * Room for so many bytes behind all that waits, in the slab: write there, then `commit`.
   *
   * @returns the position in the slab, or -1 when the bytes have to be appended: they are too many, or could be lost when
   *   the slab is used again
   */
  reserve(mostBytes: number): number {
    if (mostBytes > largestSlabBytes || this.#isHeld || this.#isSocketBehind) return -1;
    return slab.place(this, mostBytes);
  }

  /** Adds the bytes that were written to the reserved place. */
  commit(bytes: number): void {
    slab.commit(bytes);
    this.#appended(bytes);
  }

  /** What lies in the slab becomes a piece like any other. */
  leaveSlab(): void {
    const run = slab.takeRun(this);
    if (run === undefined) return;
    this.#isInSlab = true;
    this.#bundle = this.#bundle.with(run);
  }

  /** The turn ends: hands everything to the socket, in one write, unless the socket has enough to do. */
  endTurn(): void {
    this.#isScheduled = false;
    if (this.#bytes === 0) return;
    if (this.#socket.writableLength === 0 || this.#isHeld) this.flush();
    else this.#waitForSocket();
  }

  /** Hands everything to the socket, in one write. */
  flush(): void {
    if (this.#bytes === 0 || this.#isHeld) return;
    this.leaveSlab();
    const socket = this.#socket;
    // Its channel is told of the end when it closes. Until then this counts as waiting: whoever sends until something waits
    // would else send for ever, in one turn, and the socket would never come to close.
    if (socket.destroyed) return;
    const bundle = this.#bundle;
    const isInSlab = this.#isInSlab;
    this.clear();
    if (!socket.writable) return;
    bundle.writeTo(socket);
    if (socket.writableLength === 0) return;
    if (isInSlab) slab.keep();
    this.#budget.note(socket, this);
  }

  /** Puts the head of an upgrade before everything that waits, and lets it all go. */
  release(head: Buffer): void {
    this.#isHeld = false;
    const waiting = this.#bundle.count === 0 ? head : Buffer.concat([head, this.#bundle.joined()]);
    this.#bundle = Bundle.empty.with(waiting);
    this.#bytes = waiting.length;
    this.flush();
    for (const callback of this.#whenReleased ?? []) callback();
    this.#whenReleased = undefined;
  }

  /** Forgets what waits here. What the socket has taken is gone. */
  clear(): void {
    slab.takeRun(this);
    this.#bundle = Bundle.empty;
    this.#isInSlab = false;
    this.#bytes = 0;
  }

  /** Resolves when less than the soft limit waits, or the connection is gone. */
  async drained(): Promise<void> {
    while (this.bufferedAmount >= this.#limits.softBufferedBytes) {
      await this.flushed();
      if (this.#socket.destroyed) return;
    }
  }

  /**
   * Resolves when what has been appended so far was handed to the network, or the connection is gone.
   *
   * Where it is gone already, not in the same turn: its channel is open until the socket says so at the end of the turn, and
   * whoever waits again and again while it is open would keep that from coming.
   */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) {
        setImmediate(resolve);
        return;
      }
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

  #appended(bytes: number): void {
    this.#bytes += bytes;
    if (this.#isHeld) {
      this.#joinMany();
      return;
    }
    if (this.#bytes >= this.#limits.softBufferedBytes || this.#bundle.count >= mostPieces) this.#flushEarly();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      flushAtEndOfTurn(this);
    }
  }

  /** A burst in one turn goes to the kernel while it still has room, instead of running into the hard limit. */
  #flushEarly(): void {
    if (this.#socket.writableLength === 0) this.flush();
    else this.#joinMany();
    if (this.#bytes > 0) this.#waitForSocket();
  }

  /** The more waits, the more pieces may: else joining them would copy all of it again and again. */
  #joinMany(): void {
    if (this.#bundle.count >= Math.max(mostPieces, this.#bytes / leastPieceBytes))
      this.#bundle = Bundle.empty.with(this.#bundle.joined());
  }

  /** Flushes when the socket has taken what it was given: until then one write each would only make its queue longer. */
  #waitForSocket(): void {
    if (this.#socket.writable) this.#budget.note(this.#socket, this);
    this.leaveSlab();
    if (this.#isInSlab) {
      this.#bundle = Bundle.empty.with(Buffer.from(this.#bundle.joined()));
      this.#isInSlab = false;
    }
    if (this.#isSocketBehind || !this.#socket.writable) return;
    this.#isSocketBehind = true;
    // An empty write stands behind all others in the queue of the socket and has a callback.
    this.#socket.write("", () => {
      this.#isSocketBehind = false;
      this.flush();
    });
  }
}

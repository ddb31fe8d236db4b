import type { Socket } from "node:net";

/** Above this size a copy costs more than the second buffer of a gathering write. */
const largestJoinedBytes = 64 * 1024;

/** What was joined last: channels that share a bundle are flushed one after the other. */
let lastJoined: { readonly bundle: Bundle; readonly buffer: Buffer } | undefined;

/**
 * Pieces of output in their order, as a chain that never changes.
 *
 * A broadcast gives the same pieces to every member of a group. Whoever appends the same piece to the same bundle gets
 * the same bundle, so a thousand members hold one, which is joined into one buffer once. An array for each would have to
 * be filled and compared for each.
 */
export class Bundle {
  /** The bundle without any piece. All others begin with it. */
  static readonly empty: Bundle = new Bundle(undefined, Buffer.alloc(0));

  readonly #before: Bundle | undefined;
  readonly #piece: Buffer;
  readonly bytes: number;
  /** How many pieces there are. */
  readonly count: number;
  /** The bundle that somebody has made of this one last. */
  #next: Bundle | undefined;

  private constructor(before: Bundle | undefined, piece: Buffer) {
    this.#before = before;
    this.#piece = piece;
    this.bytes = before === undefined ? 0 : before.bytes + piece.length;
    this.count = before === undefined ? 0 : before.count + 1;
  }

  with(piece: Buffer): Bundle {
    const known = this.#next;
    if (known !== undefined && known.#piece === piece) return known;
    const next = new Bundle(this, piece);
    // The last chain is kept until there is another one, so it must not be a long one.
    if (next.bytes <= largestJoinedBytes) this.#next = next;
    return next;
  }

  /** Hands all of it over, in one write. */
  writeTo(socket: Socket): void {
    if (this.count === 1) socket.write(this.#piece);
    else if (this.bytes <= largestJoinedBytes) socket.write(this.joined());
    else {
      socket.cork();
      for (const piece of this.#pieces()) socket.write(piece);
      socket.uncork();
    }
  }

  /** All bytes in one buffer. */
  joined(): Buffer {
    if (this.count === 1) return this.#piece;
    if (this.bytes > largestJoinedBytes) return Buffer.concat(this.#pieces(), this.bytes);
    if (lastJoined?.bundle !== this) lastJoined = { bundle: this, buffer: Buffer.concat(this.#pieces(), this.bytes) };
    return lastJoined.buffer;
  }

  /** By a loop: a chain may be longer than the stack is deep. */
  #pieces(): Buffer[] {
    const pieces = [this.#piece];
    let bundle = this.#before;
    while (bundle !== undefined && bundle.#before !== undefined) {
      pieces.push(bundle.#piece);
      bundle = bundle.#before;
    }
    return pieces.toReversed();
  }
}

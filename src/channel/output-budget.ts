import type { Socket } from "node:net";
import type { Limits } from "./limits.ts";

/** Who sends, and can be ended because too much waits. */
export type Sender = { overflow(): void };

type Waiting = { held: Held; bytes: number };

/** Where what waits is. */
type Held = { readonly bufferedAmount: number };

/**
 * What waits for all clients of a server together: in the outboxes of their sockets, and in line behind the streams of
 * channels.
 *
 * Only what a socket has left over when it was written to is noted here, so that a client that keeps up costs nothing. What
 * it takes later is not: the sum is counted anew when it seems to be too much. An answer that is complete does not count. Its
 * bytes are those of the application, as a file that many download, and who takes nothing of it is cut in time.
 */
export class OutputBudget {
  readonly #maxBytes: number;
  readonly #senderOf: (socket: Socket) => Sender | undefined;
  readonly #sockets = new Map<Socket, Waiting>();
  readonly #lines = new Map<Sender, Waiting>();
  /** At least as many as there are. */
  #bytes = 0;
  #isScheduled = false;

  /** @param senderOf - who has a socket now, and is not through */
  constructor({ maxTotalBufferedBytes }: Limits, senderOf: (socket: Socket) => Sender | undefined) {
    this.#maxBytes = maxTotalBufferedBytes;
    this.#senderOf = senderOf;
  }

  /** A socket did not take everything. */
  note(socket: Socket, held: Held): void {
    this.#note(this.#sockets, socket, held);
  }

  /** A send stands in line behind a stream. */
  noteLine(sender: Sender, held: Held): void {
    this.#note(this.#lines, sender, held);
  }

  /** A socket is closed. */
  forget(socket: Socket): void {
    this.#forget(this.#sockets, socket);
  }

  /** Nothing stands in line any more. */
  forgetLine(sender: Sender): void {
    this.#forget(this.#lines, sender);
  }

  #note<Key>(all: Map<Key, Waiting>, key: Key, held: Held): void {
    let waiting = all.get(key);
    if (waiting === undefined) {
      waiting = { held, bytes: 0 };
      all.set(key, waiting);
    }
    const bytes = held.bufferedAmount;
    this.#bytes += bytes - waiting.bytes;
    waiting.held = held;
    waiting.bytes = bytes;
    if (this.#bytes <= this.#maxBytes || this.#isScheduled) return;
    this.#isScheduled = true;
    // Not at once: this may be in the middle of a broadcast, and the end of a channel is told to the application.
    setImmediate(() => {
      this.#isScheduled = false;
      this.#keepWithin();
    });
  }

  #forget<Key>(all: Map<Key, Waiting>, key: Key): void {
    this.#bytes -= all.get(key)?.bytes ?? 0;
    all.delete(key);
  }

  /** Ends those for which the most waits, until there is no more than may. */
  #keepWithin(): void {
    const all = this.#count();
    if (this.#bytes <= this.#maxBytes) return;
    const sorted = [...all].toSorted(([, one], [, other]) => other.bytes - one.bytes);
    for (const [sender, { socket }] of sorted) {
      // The application is told of each end, and may end others.
      const isThere = socket === undefined ? this.#lines.has(sender) : this.#senderOf(socket) === sender;
      if (!isThere) continue;
      sender.overflow();
      this.forgetLine(sender);
      if (socket !== undefined) {
        // Nothing else frees what the socket holds, and a Close frame behind that would reach nobody who does not read.
        socket.destroy();
        this.forget(socket);
      }
      if (this.#bytes <= this.#maxBytes) return;
    }
  }

  /** Counts anew. @returns for whom something waits */
  #count(): Map<Sender, { bytes: number; readonly socket?: Socket }> {
    const all = new Map<Sender, { bytes: number; readonly socket?: Socket }>();
    this.#bytes = 0;
    for (const [socket, waiting] of this.#sockets) {
      const sender = this.#senderOf(socket);
      waiting.bytes = sender === undefined ? 0 : waiting.held.bufferedAmount;
      this.#bytes += waiting.bytes;
      if (waiting.bytes === 0 || sender === undefined) this.#sockets.delete(socket);
      else all.set(sender, { bytes: waiting.bytes, socket });
    }
    for (const [sender, waiting] of this.#lines) {
      waiting.bytes = waiting.held.bufferedAmount;
      this.#bytes += waiting.bytes;
      const known = all.get(sender);
      if (known === undefined) all.set(sender, { bytes: waiting.bytes });
      else known.bytes += waiting.bytes;
    }
    return all;
  }
}

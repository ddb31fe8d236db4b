import type { Socket } from "node:net";
import type { Limits } from "./limits.ts";

/** Whom it waits for. */
type Client = { readonly isOpen: boolean; overflow(): void };

type Waiting = { held: Held; bytes: number };

/** Where what waits for a socket is, before it is handed over. */
type Held = { readonly bufferedAmount: number };

/**
 * What waits for all clients of a server together.
 *
 * Only what a socket has left over when it was written to is noted here, so that a client that keeps up costs nothing. What
 * it takes later is not: the sum is counted anew when it seems to be too much. An answer that is complete does not count. Its
 * bytes are those of the application, as a file that many download, and who takes nothing of it is cut in time.
 */
export class OutputBudget {
  readonly #maxBytes: number;
  readonly #channelOf: (socket: Socket) => Client | undefined;
  readonly #waiting = new Map<Socket, Waiting>();
  /** At least as many as there are. */
  #bytes = 0;
  #isScheduled = false;

  /** @param channelOf - the channel that has a socket now */
  constructor({ maxTotalBufferedBytes }: Limits, channelOf: (socket: Socket) => Client | undefined) {
    this.#maxBytes = maxTotalBufferedBytes;
    this.#channelOf = channelOf;
  }

  /** A socket did not take everything. */
  note(socket: Socket, held: Held): void {
    let waiting = this.#waiting.get(socket);
    if (waiting === undefined) {
      waiting = { held, bytes: 0 };
      this.#waiting.set(socket, waiting);
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

  /** A socket is closed. */
  forget(socket: Socket): void {
    this.#bytes -= this.#waiting.get(socket)?.bytes ?? 0;
    this.#waiting.delete(socket);
  }

  /** Ends the channels for which the most waits, until there is no more than may. */
  #keepWithin(): void {
    const all = this.#count();
    if (this.#bytes <= this.#maxBytes) return;
    all.sort((one, other) => other.bytes - one.bytes);
    for (const { socket, channel } of all) {
      // The application is told of each end, and may end others.
      if (!channel.isOpen) continue;
      channel.overflow();
      // Nothing else frees what the socket holds, and a Close frame behind that would reach nobody who does not read.
      socket.destroy();
      this.forget(socket);
      if (this.#bytes <= this.#maxBytes) return;
    }
  }

  /** Counts anew. @returns the channels for which something waits */
  #count() {
    const all = [];
    this.#bytes = 0;
    for (const [socket, waiting] of this.#waiting) {
      const channel = this.#channelOf(socket);
      const bytes = channel?.isOpen === true ? waiting.held.bufferedAmount : 0;
      waiting.bytes = bytes;
      this.#bytes += bytes;
      if (bytes === 0 || channel === undefined) this.#waiting.delete(socket);
      else all.push({ socket, bytes, channel });
    }
    return all;
  }
}

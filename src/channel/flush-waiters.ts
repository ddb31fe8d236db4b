import type { Socket } from "node:net";

/**
 * Who waits until a socket has taken what was written before, with one listener for all of them.
 *
 * A socket that is destroyed does not call the callbacks of writes that it never began, so its end settles them all.
 */
export class FlushWaiters {
  readonly #socket: Socket;
  readonly #waiting = new Set<() => void>();

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  add(settle: () => void): void {
    if (this.#waiting.size === 0) this.#watchEnd(true);
    this.#waiting.add(settle);
  }

  delete(settle: () => void): void {
    if (this.#waiting.delete(settle) && this.#waiting.size === 0) this.#watchEnd(false);
  }

  #watchEnd(isWanted: boolean): void {
    for (const event of ["finish", "close"]) {
      if (isWanted) this.#socket.on(event, this.#settleAll);
      else this.#socket.off(event, this.#settleAll);
    }
  }

  readonly #settleAll = (): void => {
    for (const settle of this.#waiting) settle();
  };
}

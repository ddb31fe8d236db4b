import { isThenable } from "../channel/mailbox.ts";

/** Takes whether a client is there. A promise that it returns is awaited before the next change is told. */
export type PresenceHandler = (isPresent: boolean) => unknown;

/** Whose client it is. */
export type PresenceSource = {
  /** False from its end on: then nothing is told any more. */
  readonly isOpen: boolean;
  readonly isPresent: boolean;
  presenceFailed(cause: unknown): void;
};

/**
 * Tells a handler when a client leaves and when it is back, one call at a time.
 *
 * It is told how things stand when it is called, and never twice the same. A queue of all changes would have to be bounded,
 * and would tell a slow handler what is no longer so.
 */
export class Presence {
  readonly #source: PresenceSource;
  readonly #handler: PresenceHandler;
  /** What the application takes for so until it is told: clients are there when it is given their channels. */
  #told = true;
  #isBusy = false;

  constructor(source: PresenceSource, handler: PresenceHandler) {
    this.#source = source;
    this.#handler = handler;
  }

  /** Not at once: transports come and go while the session is at work, and in the middle of a send. */
  changed(): void {
    queueMicrotask(() => this.#tell());
  }

  #tell(): void {
    const { isOpen, isPresent } = this.#source;
    if (this.#isBusy || !isOpen || isPresent === this.#told) return;
    this.#told = isPresent;
    try {
      const result = this.#handler(isPresent);
      if (isThenable(result)) void this.#wait(result);
    } catch (cause) {
      this.#source.presenceFailed(cause);
    }
  }

  async #wait(result: PromiseLike<unknown>): Promise<void> {
    this.#isBusy = true;
    try {
      await result;
    } catch (cause) {
      this.#source.presenceFailed(cause);
    }
    this.#isBusy = false;
    this.#tell();
  }
}

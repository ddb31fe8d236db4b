import type { Mailbox } from "../channel/mailbox.ts";

/** Watches whether reading that is paused ever goes on. */
export type Pause = { stop(): undefined };

/** Whoever pauses sees to that. */
export const watchedByOthers: Pause = { stop: () => undefined };

/** Gives up on a receive handler that finishes no message while reading is paused for it. */
export class StallWatch implements Pause {
  readonly #mailbox: Mailbox;
  readonly #timeoutMs: number;
  readonly #stalled: () => void;
  #timer: NodeJS.Timeout;

  constructor(mailbox: Mailbox, timeoutMs: number, stalled: () => void) {
    this.#mailbox = mailbox;
    this.#timeoutMs = timeoutMs;
    this.#stalled = stalled;
    this.#timer = this.#wait();
  }

  stop(): undefined {
    clearTimeout(this.#timer);
  }

  #wait(): NodeJS.Timeout {
    const { handledCount } = this.#mailbox;
    return setTimeout(() => {
      if (this.#mailbox.handledCount > handledCount) this.#timer = this.#wait();
      else this.#stalled();
    }, this.#timeoutMs);
  }
}

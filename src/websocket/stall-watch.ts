import type { Mailbox } from "../channel/mailbox.ts";

/** Gives up on a receive handler that finishes no message while reading is paused for it. */
export class StallWatch {
  readonly #mailbox: Mailbox;
  readonly #timeoutMs: number;
  readonly #stalled: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(mailbox: Mailbox, timeoutMs: number, stalled: () => void) {
    this.#mailbox = mailbox;
    this.#timeoutMs = timeoutMs;
    this.#stalled = stalled;
  }

  get isOn(): boolean {
    return this.#timer !== undefined;
  }

  start(): void {
    const { handledCount } = this.#mailbox;
    this.#timer = setTimeout(() => {
      if (this.#mailbox.handledCount > handledCount) this.start();
      else this.#stalled();
    }, this.#timeoutMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

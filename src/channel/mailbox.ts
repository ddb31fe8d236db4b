import type { ReceiveHandler } from "./channel.ts";
import type { Limits } from "./limits.ts";
import type { Message } from "./message.ts";

/** What a mailbox tells its channel. */
export type MailboxListener = {
  /** So much waits that reading should pause. */
  mailboxFull(mailbox: Mailbox): void;
  /** Reading may go on. */
  mailboxHasRoom(): void;
  /** The receive handler threw or rejected. */
  handlerFailed(handler: "onReceive", cause: unknown): void;
};

/**
 * The messages of one channel on their way to its handler: in order, one at a time, an asynchronous handler awaited.
 *
 * Until `start`, messages wait: the handler may still be on its way.
 */
export class Mailbox {
  readonly #limits: Limits;
  readonly #listener: MailboxListener;
  #handler: ReceiveHandler | undefined;
  /** Few channels ever have one: an empty array for each would take as much memory as two fields. */
  #queue: Message[] | undefined;
  #queuedBytes = 0;
  #isStarted = false;
  #isBusy = false;
  #isFull = false;
  #whenQuiet: (() => void) | undefined;
  #handledCount = 0;

  constructor(limits: Limits, listener: MailboxListener) {
    this.#limits = limits;
    this.#listener = listener;
  }

  /** Whether no handler runs and no message waits for one. */
  get isQuiet(): boolean {
    return !this.#isBusy && this.#waitingCount === 0;
  }

  get #waitingCount(): number {
    return this.#queue?.length ?? 0;
  }

  /** How many messages handlers have finished: shows whether a slow one gets on. */
  get handledCount(): number {
    return this.#handledCount;
  }

  /** From now on messages are handled by this handler, or dropped if there is none. */
  start(handler: ReceiveHandler | undefined): void {
    this.#handler = handler;
    if (this.#isStarted) return;
    this.#isStarted = true;
    // Not at once: whoever sets the handler may not have made all that the handler uses.
    if (this.#waitingCount > 0) queueMicrotask(() => this.#next());
  }

  deliver(message: Message): void {
    if (this.#isStarted && this.isQuiet) {
      this.#handle(message);
      return;
    }
    (this.#queue ??= []).push(message);
    this.#queuedBytes += message.length;
    if (this.#isFull || !this.#isOverLimit(1)) return;
    this.#isFull = true;
    this.#listener.mailboxFull(this);
  }

  /** Drops the messages that no handler has begun. */
  clear(): void {
    this.#queue = undefined;
    this.#queuedBytes = 0;
  }

  /** Calls back once no handler runs and no message waits. */
  whenQuiet(callback: () => void): void {
    if (this.isQuiet) callback();
    else this.#whenQuiet = callback;
  }

  #handle(message: Message): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    this.#isBusy = true;
    let pending: Promise<unknown> | undefined;
    try {
      const result: unknown = handler(message);
      // Made a promise of the language, since any other may throw where it is waited for, or settle twice.
      if (isThenable(result)) pending = Promise.resolve(result);
    } catch (cause) {
      this.#listener.handlerFailed("onReceive", cause);
    }
    if (pending !== undefined) {
      pending.then(
        () => this.#settled(),
        (cause: unknown) => {
          this.#listener.handlerFailed("onReceive", cause);
          this.#settled();
        },
      );
      return;
    }
    this.#isBusy = false;
    this.#handledCount += 1;
    if (this.#waitingCount === 0) this.#becameQuiet();
  }

  #settled(): void {
    this.#isBusy = false;
    this.#handledCount += 1;
    this.#next();
  }

  #next(): void {
    while (!this.#isBusy) {
      const message = this.#queue?.shift();
      if (message === undefined) break;
      this.#queuedBytes -= message.length;
      this.#handle(message);
    }
    // Half of the limit, so that reading does not stop and go with each message.
    if (this.#isFull && !this.#isOverLimit(0.5)) {
      this.#isFull = false;
      this.#listener.mailboxHasRoom();
    }
    if (this.isQuiet) this.#becameQuiet();
  }

  #isOverLimit(share: number): boolean {
    const { maxQueuedMessages, maxQueuedBytes } = this.#limits;
    return this.#waitingCount >= maxQueuedMessages * share || this.#queuedBytes >= maxQueuedBytes * share;
  }

  #becameQuiet(): void {
    const callback = this.#whenQuiet;
    this.#whenQuiet = undefined;
    callback?.();
  }
}

/** Whether a handler's result has to be awaited. Handlers written in JavaScript may return any promise-like. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

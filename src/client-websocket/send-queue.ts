import type { Message } from "../channel/message-type.ts";

/** What happens, in order, to what is sent. */
export type SendQueueEvents = {
  send(message: Message, bytes: number): void;
  failed(cause: string): void;
};

/** Keeps the order of what is sent while a Blob is read, which takes time. */
export class SendQueue {
  readonly #events: SendQueueEvents;
  #bytes = 0;
  #count = 0;
  /** The last thing that waits; undefined: nothing does. */
  #last: Promise<void> | undefined;

  constructor(events: SendQueueEvents) {
    this.#events = events;
  }

  /** Bytes that wait here. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Messages that wait here. */
  get count(): number {
    return this.#count;
  }

  /** Sends behind all that came before. */
  push(data: Message | Blob, bytes: number): void {
    if (this.#last === undefined && !(data instanceof Blob)) {
      this.#events.send(data, bytes);
      return;
    }
    this.#bytes += bytes;
    this.#count += 1;
    this.#enqueue(async () => {
      const message = data instanceof Blob ? new Uint8Array(await data.arrayBuffer()) : data;
      this.#bytes -= bytes;
      this.#count -= 1;
      this.#events.send(message, bytes);
    });
  }

  /** Calls back behind all that came before. */
  whenEmpty(callback: () => void): void {
    if (this.#last === undefined) callback();
    else this.#enqueue(callback);
  }

  #enqueue(task: () => void | Promise<void>): void {
    const last = this.#run(this.#last, task);
    this.#last = last;
    void last.then(() => {
      if (this.#last === last) this.#last = undefined;
    });
  }

  async #run(before: Promise<void> | undefined, task: () => void | Promise<void>): Promise<void> {
    await before;
    try {
      await task();
    } catch (error) {
      this.#events.failed(String(error));
    }
  }
}

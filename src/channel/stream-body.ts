import { chunkBytes, discard, type NormalBody, type StreamBody } from "./data.ts";
import type { Environment } from "./environment.ts";
import { bytesOf } from "./message.ts";

/** Where the pieces of a stream body go. Each of these may be called only in this order: piece*, then end. */
export type StreamSink = {
  piece(bytes: Buffer): void;
  /** Resolves when more may be written. */
  ready(): Promise<void>;
  end(): void;
};

export type StreamBodyListener = {
  /** The source failed, or yielded what cannot be sent. */
  failed(cause: unknown): void;
  hasRoomFor(bytes: number): boolean;
};

type Waiting = { readonly run: () => boolean; readonly bytes: number; readonly body: NormalBody };

/**
 * Reads bodies piece by piece with backpressure, and keeps what is sent meanwhile in line behind them.
 *
 * What waits here is bounded by `maxBufferedBytes`, as everything that waits for a client.
 */
export class StreamBodyQueue {
  readonly #environment: Environment;
  readonly #listener: StreamBodyListener;
  #source: AsyncIterator<Uint8Array | string> | undefined;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #isCancelled = false;
  #ends: (() => void) | undefined;

  constructor(environment: Environment, listener: StreamBodyListener) {
    this.#environment = environment;
    this.#listener = listener;
  }

  get isActive(): boolean {
    return this.#source !== undefined;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Sends a whole source to the sink, then what was queued meanwhile. */
  pump(body: StreamBody, sink: StreamSink): void {
    const source = body[Symbol.asyncIterator]();
    this.#source = source;
    this.#read(source, sink).then(
      () => this.#continue(),
      (cause: unknown) => {
        this.#source = undefined;
        if (this.#isCancelled) return;
        this.cancel();
        this.#listener.failed(cause);
      },
    );
  }

  /** Runs a send after everything before it. @returns false when too much waits already: nothing is queued then */
  queue(run: () => boolean, body: NormalBody): boolean {
    const bytes = typeof body === "string" || body instanceof Uint8Array ? bytesOf(body).length : 0;
    const isFirst = this.#waiting.length === 0;
    if (!isFirst && this.#waitingBytes + bytes > this.#environment.limits.maxBufferedBytes) {
      discard(body);
      this.#listener.failed(new RangeError("too much waits behind a stream body"));
      return false;
    }
    this.#waiting.push({ run, bytes, body });
    this.#waitingBytes += bytes;
    return true;
  }

  /** Reads no more of the source, sends what waits behind it, then calls back. */
  stop(end: () => void): void {
    this.#ends = end;
    const source = this.#source;
    // A source that is asked to return while it still waits for its next piece answers only after that piece.
    if (source !== undefined) letGo(source);
    this.#source = undefined;
    this.#continue();
  }

  /** Gives up the source and everything behind it. */
  cancel(): void {
    this.#isCancelled = true;
    const source = this.#source;
    this.#source = undefined;
    if (source !== undefined) letGo(source);
    for (const { body } of this.#waiting) discard(body);
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  async #read(source: AsyncIterator<Uint8Array | string>, sink: StreamSink): Promise<void> {
    for (;;) {
      const next = await source.next();
      if (this.#source !== source) return;
      if (next.done === true) break;
      const bytes = chunkBytes(next.value);
      if (bytes.length > 0) sink.piece(bytes);
      await sink.ready();
      if (this.#source !== source) return;
    }
    this.#source = undefined;
    sink.end();
  }

  #continue(): void {
    while (this.#source === undefined && !this.#isCancelled) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#waitingBytes -= next.bytes;
      next.run();
    }
    if (this.#source !== undefined || this.#isCancelled) return;
    const end = this.#ends;
    this.#ends = undefined;
    end?.();
  }
}

function letGo(source: AsyncIterator<unknown>): void {
  Promise.resolve(source.return?.()).catch(() => {
    // Its failure concerns nobody any more.
  });
}

import { chunkBytes, isStream, type StreamBody } from "./data.ts";
import { discard, expectFailure, openSource, type Source } from "./source.ts";
import { mostWaitingSends, waitingSendBytes } from "./limits.ts";
import type { OutputBudget, Sender } from "./output-budget.ts";
import type { QueuedSend } from "./queued-send.ts";
import { untilBudget } from "./turn.ts";

/** Where the pieces of a stream body go. Each of these may be called only in this order: piece*, then end. */
export type StreamSink = {
  piece(bytes: Buffer): void;
  /** Resolves when more may be written. */
  ready(): Promise<void>;
  end(): void;
};

/** Told when a source failed, or yielded what cannot be sent. */
export type StreamFailureListener = (cause: unknown) => void;

/** Whose bodies they are. */
type Owner = Sender & { readonly environment: { readonly budget: OutputBudget } };

/** Reads bodies piece by piece with backpressure, and keeps what is sent meanwhile in line behind them. */
export class StreamBodyQueue {
  readonly #owner: Owner;
  readonly #failed: StreamFailureListener;
  /** The one that is read now. A read that comes back for another one is out of date. */
  #source: Source | undefined;
  #waiting: QueuedSend[] = [];
  #waitingBytes = 0;
  #keptBytes = 0;
  #isCancelled = false;
  #isReleasing = false;
  #ends: (() => void) | undefined;
  #whenIdle: (() => void)[] = [];

  constructor(owner: Owner, failed: StreamFailureListener) {
    this.#owner = owner;
    this.#failed = failed;
  }

  /** Whether a source is read, so that a send has to stand in line. */
  get isActive(): boolean {
    return this.#source !== undefined;
  }

  /** Whether what is sent now was accepted before, and stood in line until now. */
  get isReleasing(): boolean {
    return this.#isReleasing;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** What counts for all channels together, with what each send takes besides. */
  get bufferedAmount(): number {
    return this.#keptBytes + this.#waiting.length * waitingSendBytes;
  }

  /** Whether no further send may wait, however few bytes it has: a client has an empty one sent for six of its own. */
  get isCrowded(): boolean {
    return this.#waiting.length >= mostWaitingSends;
  }

  /** Sends a whole source to the sink, then what was queued meanwhile. */
  pump(body: StreamBody, sink: StreamSink): void {
    let source: Source;
    try {
      source = openSource(body);
    } catch (cause) {
      this.#fail(cause);
      return;
    }
    this.#source = source;
    this.#read(source, sink).catch((cause: unknown) => {
      if (this.#source === source) this.#fail(cause);
    });
  }

  /** Runs a send after everything before it. */
  queue(queued: QueuedSend): void {
    expectFailure(queued.body);
    this.#waiting.push(queued);
    this.#waitingBytes += queued.bytes;
    this.#keptBytes += queued.keptBytes;
    this.#owner.environment.budget.noteLine(this.#owner, this);
  }

  /** Reads no more of any source, sends what else waits, then calls back. */
  stop(end: () => void): void {
    this.#ends = end;
    this.#release();
    for (const { body } of this.#waiting) discard(body);
    this.#waiting = this.#waiting.filter(({ body }) => !isStream(body));
    this.#continue();
  }

  /** Gives up the source and everything behind it. */
  cancel(): void {
    this.#isCancelled = true;
    this.#release();
    for (const { body } of this.#waiting) discard(body);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#keptBytes = 0;
    this.#becameIdle();
  }

  /** Resolves when no source is read and nothing waits behind one. */
  idle(): Promise<void> {
    if (!this.isActive) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
    });
  }

  async #read(source: Source, sink: StreamSink): Promise<void> {
    for (;;) {
      await sink.ready();
      await untilBudget();
      if (this.#source !== source) return;
      const { done, value } = await source.next();
      if (this.#source !== source) return;
      if (done === true) break;
      const bytes = chunkBytes(value);
      if (bytes.length > 0) sink.piece(bytes);
    }
    this.#source = undefined;
    sink.end();
    // At once: a send that came before what stands in line would find no source, and overtake it.
    this.#continue();
  }

  #continue(): void {
    this.#isReleasing = true;
    while (this.#source === undefined && !this.#isCancelled) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#waitingBytes -= next.bytes;
      this.#keptBytes -= next.keptBytes;
      next.run();
    }
    this.#isReleasing = false;
    if (this.#source !== undefined || this.#isCancelled) return;
    const end = this.#ends;
    this.#ends = undefined;
    end?.();
    this.#becameIdle();
  }

  #release(): void {
    const source = this.#source;
    this.#source = undefined;
    source?.release();
  }

  #fail(cause: unknown): void {
    if (this.#isCancelled) return;
    this.cancel();
    this.#failed(cause);
  }

  #becameIdle(): void {
    this.#owner.environment.budget.forgetLine(this.#owner);
    const callbacks = this.#whenIdle;
    this.#whenIdle = [];
    for (const callback of callbacks) callback();
  }
}

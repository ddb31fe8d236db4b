import type { Socket } from "node:net";
import { resetSocket } from "./end-socket.ts";
import type { Exchange } from "./exchange.ts";
import type { CutMode, Direction } from "./fault.ts";

type Entry = { bytes: Buffer; readonly exchange: Exchange; readonly dueMs: number };

/** What waits in a lane until its sender is made to wait, too. More than one delay of a fast sender needs, and little. */
const maxQueuedBytes = 1024 * 1024;

/** One direction of a connection: what came from one side, on its way to the other, in order. */
export class Lane {
  readonly #direction: Direction;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #queue: Entry[] = [];
  #queuedBytes = 0;
  #end: CutMode | undefined;
  #isStopped = false;
  /** A write is under way that nothing may overtake. */
  #isWriting = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(direction: Direction, from: Socket, to: Socket) {
    this.#direction = direction;
    this.#from = from;
    this.#to = to;
    to.on("drain", () => this.#pass());
  }

  push(bytes: Buffer, exchange: Exchange): void {
    if (bytes.length === 0 || this.#end !== undefined) return;
    this.#queue.push({ bytes, exchange, dueMs: performance.now() + exchange.effects.delayMs(this.#direction) });
    this.#queuedBytes += bytes.length;
    this.#pass();
  }

  /** Ends the other side in the same way, behind all that waits. */
  end(how: CutMode): void {
    this.#end ??= how;
    this.#pass();
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Nothing passes until `start`. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  start(): void {
    this.#isStopped = false;
    this.#pass();
  }

  /** All that waits goes out now: delays are over. */
  hurry(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#queue.splice(0);
    for (const { bytes, exchange } of waiting) this.#queue.push({ bytes, exchange, dueMs: 0 });
    this.#pass();
  }

  /** Forgets all that waits and takes nothing any more. */
  discard(): void {
    this.stop();
    this.#end ??= "reset";
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  #pass(): void {
    while (!this.#isStopped && !this.#isWriting && this.#timer === undefined && !this.#to.writableNeedDrain) {
      const [entry] = this.#queue;
      if (entry === undefined) {
        if (this.#end !== undefined) this.#endReceiver(this.#end);
        break;
      }
      const waitMs = entry.dueMs - performance.now();
      if (waitMs > 0) this.#passLater(waitMs);
      else this.#write(entry);
    }
    if (this.#queuedBytes < maxQueuedBytes) this.#from.resume();
    else this.#from.pause();
  }

  #passLater(waitMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#pass();
    }, Math.ceil(waitMs));
  }

  #write(entry: Entry): void {
    const { effects } = entry.exchange;
    const isSplit = effects.isSplit(this.#direction);
    const sizeBytes = Math.min(entry.bytes.length, effects.allowedBytes(this.#direction), isSplit ? 1 : Infinity);
    const piece = entry.bytes.subarray(0, sizeBytes);
    entry.bytes = entry.bytes.subarray(sizeBytes);
    if (entry.bytes.length === 0) this.#queue.shift();
    this.#queuedBytes -= sizeBytes;
    const struck = effects.count(this.#direction, sizeBytes);
    if (struck.length === 0 && !isSplit) return void this.#to.write(piece);
    this.#isWriting = true;
    // Two turns behind it, a receiver in this process has read these bytes by themselves. Those that find a reset right
    // behind bytes are told by libuv of a good end.
    const goOn = (): void => {
      for (const { strike } of struck) strike();
      this.#isWriting = false;
      this.#pass();
    };
    this.#to.write(piece, () => setImmediate(() => setImmediate(goOn)));
  }

  #endReceiver(how: CutMode): void {
    if (how === "reset") resetSocket(this.#to);
    else if (!this.#to.writableEnded) this.#to.end();
  }
}

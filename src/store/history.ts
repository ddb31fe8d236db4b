import type { HistoryLimits } from "../channel/limits.ts";
import { createEpoch, type Position } from "./position.ts";

/** One remembered broadcast. */
export type HistoryEntry<Value> = {
  readonly offset: number;
  readonly value: Value;
  readonly bytes: number;
  readonly atMs: number;
};

/** The last messages of one group, with their positions. Offsets count from 1 and never repeat within an epoch. */
export class History<Value> {
  readonly epoch: string = createEpoch();
  readonly #limits: HistoryLimits;
  #entries: HistoryEntry<Value>[] = [];
  /** Entries before this index are forgotten; shifting an array for each would move all others. */
  #first = 0;
  #bytes = 0;
  #offset = 0;
  #touchedAtMs: number = Date.now();

  constructor(limits: HistoryLimits) {
    this.#limits = limits;
  }

  /** The position after the newest message. */
  get position(): Position {
    return { epoch: this.epoch, offset: this.#offset };
  }

  /** The position that the next message will have: it has to be written into the message before that is remembered. */
  get nextPosition(): Position {
    return { epoch: this.epoch, offset: this.#offset + 1 };
  }

  /** Remembers a message under {@link nextPosition}. */
  append(value: Value, bytes: number): void {
    const atMs = Date.now();
    this.#touchedAtMs = atMs;
    this.#offset += 1;
    this.#entries.push({ offset: this.#offset, value, bytes, atMs });
    this.#bytes += bytes;
    this.trim(atMs);
  }

  /** What came after a position, or undefined if the history does not reach back to it. */
  since({ epoch, offset }: Position): readonly HistoryEntry<Value>[] | undefined {
    this.trim(Date.now());
    // What a client sends may be anything: a fraction or NaN would pass the comparisons below.
    if (!Number.isSafeInteger(offset)) return undefined;
    const missing = this.#offset - offset;
    if (epoch !== this.epoch || missing < 0 || missing > this.#entries.length - this.#first) return undefined;
    return this.#entries.slice(this.#entries.length - missing);
  }

  /** The latest messages, at most so many. */
  last(count: number): readonly HistoryEntry<Value>[] {
    this.trim(Date.now());
    return this.#entries.slice(Math.max(this.#first, this.#entries.length - count));
  }

  /** Notes that the group is in use, which keeps the position of an empty one. */
  touch(): void {
    this.#touchedAtMs = Date.now();
  }

  /** Whether nothing is remembered any more that a late client could ask for. */
  isExpired(nowMs: number): boolean {
    this.trim(nowMs);
    return this.#first === this.#entries.length && nowMs - this.#touchedAtMs > this.#limits.maxAgeMs;
  }

  /** Forgets what is beyond the limits. */
  trim(nowMs: number): void {
    const { maxMessages, maxBytes, maxAgeMs } = this.#limits;
    for (;;) {
      const oldest = this.#entries[this.#first];
      if (oldest === undefined) break;
      const count = this.#entries.length - this.#first;
      if (count <= maxMessages && this.#bytes <= maxBytes && nowMs - oldest.atMs <= maxAgeMs) break;
      this.#bytes -= oldest.bytes;
      this.#first += 1;
    }
    if (this.#first * 2 < this.#entries.length || this.#first === 0) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}

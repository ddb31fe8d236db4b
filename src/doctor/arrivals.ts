import type { ControlRecord } from "../protocol/control-record.ts";
import { isControl } from "../protocol/is-control.ts";
import type { SessionRecord } from "../protocol/record-codec.ts";

/** How a transport ended. */
export type End = {
  readonly what: "end";
  /** Of a Close frame or a `detach`; undefined for a connection that just ended. */
  readonly code: number | undefined;
  readonly text: string;
  readonly atMs: number;
};

type Arrived<Type extends ControlRecord["type"]> = {
  readonly what: "record";
  readonly record: Extract<ControlRecord, { type: Type }>;
  readonly atMs: number;
};

/** What was waited for, or what came in its place: the end, or nothing in time. */
export type Outcome<Type extends ControlRecord["type"]> = Arrived<Type> | End | { readonly what: "silence" };

/** The text of an end, where it is not a server of sessions that speaks. */
export const notOfProtocol = "what came was not of this protocol";

/** Control records that nobody has asked for yet. More are no server's of this protocol. */
const mostRecords = 1000;

/**
 * What comes over one transport, with the time of each.
 *
 * Messages are the application's: they are not kept, and count for their time alone.
 */
export class Arrivals {
  readonly #records: { readonly record: ControlRecord; readonly atMs: number }[] = [];
  #end: End | undefined;
  #wake: (() => void) | undefined;
  #lastAtMs: number;
  #longestSilenceMs = 0;

  constructor() {
    this.#lastAtMs = performance.now();
  }

  /** The longest time so far in which no byte came. */
  get longestSilenceMs(): number {
    return Math.max(this.#longestSilenceMs, performance.now() - this.#lastAtMs);
  }

  /** Begins to measure silence anew. */
  beginSilence(): void {
    this.#lastAtMs = performance.now();
    this.#longestSilenceMs = 0;
  }

  heard(): void {
    this.#longestSilenceMs = this.longestSilenceMs;
    this.#lastAtMs = performance.now();
  }

  take(record: SessionRecord): void {
    if (!isControl(record)) return;
    if (record.type === "detach") this.finish(record.code, `${record.code} ${record.reason}`);
    else if (this.#records.length === mostRecords) this.finish(undefined, "too many records");
    else this.#records.push({ record, atMs: performance.now() });
    this.#wake?.();
  }

  /** The first end counts. */
  finish(code: number | undefined, text: string): void {
    this.#end ??= { what: "end", code, text: text.trim(), atMs: performance.now() };
    this.#wake?.();
  }

  /** Waits for a record of one type; those before it are dropped. */
  async until<Type extends ControlRecord["type"]>(type: Type, limitMs: number): Promise<Outcome<Type>> {
    const deadlineMs = performance.now() + limitMs;
    for (;;) {
      const next = this.#records.shift();
      if (next !== undefined) {
        if (next.record.type === type) return { what: "record", ...next } as Arrived<Type>;
        continue;
      }
      if (this.#end !== undefined) return this.#end;
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) return { what: "silence" };
      await this.#change(leftMs);
    }
  }

  async #change(limitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

import type { Clock } from "../session/clock.ts";

type Entry = { dueBeat: number; readonly run: () => void };

/** A turn of the wheel takes so many beats; who waits for longer than that is filed again on the way. */
const wheelBeats = 256;

/**
 * The time of all sessions, by one timer, which files who waits on a wheel. A timer for each would cost more memory.
 *
 * Time is counted in beats: a process that was held up for a while has lost time, and takes no client for silent which
 * it could not hear.
 */
export class WheelClock implements Clock {
  readonly #beatMs: number;
  readonly #wheel: Set<Entry>[] = [];
  #beat = 0;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param shortestMs - the shortest time that is waited for: none is late by more than about a tenth of it */
  constructor(shortestMs: number) {
    this.#beatMs = Math.max(5, Math.min(1000, Math.floor(shortestMs / 10)));
  }

  now(): number {
    return this.#beat * this.#beatMs;
  }

  after(delayMs: number, run: () => void): () => void {
    // One more, since a part of this beat is over.
    const entry = { dueBeat: this.#beat + Math.ceil(delayMs / this.#beatMs) + 1, run };
    this.#count += 1;
    this.#file(entry);
    // Sessions must not keep a process alive that has nothing else to do.
    this.#timer ??= setInterval(() => this.#turn(), this.#beatMs).unref();
    return () => this.#remove(entry);
  }

  #turn(): void {
    this.#beat += 1;
    const slot = this.#wheel[this.#beat % wheelBeats];
    if (slot === undefined || slot.size === 0) return;
    const filed = [...slot];
    for (const entry of filed) {
      // What ran before it may have taken it back.
      if (!slot.delete(entry)) continue;
      if (entry.dueBeat > this.#beat) this.#file(entry);
      else {
        this.#leave();
        entry.run();
      }
    }
  }

  #file(entry: Entry): void {
    (this.#wheel[this.#slotOf(entry)] ??= new Set()).add(entry);
  }

  /** One that is due in more than a turn stands where it is looked at again, a turn from when it was filed. */
  #slotOf({ dueBeat }: Entry): number {
    return dueBeat % wheelBeats;
  }

  #remove(entry: Entry): void {
    if (this.#wheel[this.#slotOf(entry)]?.delete(entry) === true) this.#leave();
  }

  #leave(): void {
    this.#count -= 1;
    if (this.#count > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

import { Shares } from "../channel/shares.ts";
import { Waiter, type WaiterClock } from "../session/clock.ts";

class Entry extends Waiter {
  readonly due: () => void;

  constructor(run: () => void) {
    super();
    this.due = run;
  }
}

/** A turn of the wheel takes so many beats; who waits for longer than that is filed again on the way. */
const wheelBeats = 256;

/**
 * The time of all sessions, by one timer, which files who waits on a wheel. A timer for each would cost more memory.
 *
 * Time is counted in beats: a process that was held up for a while has lost time, and takes no client for silent which
 * it could not hear.
 */
export class WheelClock implements WaiterClock {
  readonly #beatMs: number;
  readonly #wheel: Set<Waiter>[] = [];
  readonly #shares = new Shares();
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

  /** None is so small that a beat makes up for it: an interval is then never longer than it was asked for. */
  nextShare(): number {
    return 0.1 + 0.9 * this.#shares.next();
  }

  after(delayMs: number, run: () => void): () => void {
    const entry = new Entry(run);
    this.wait(entry, delayMs);
    return () => this.forget(entry);
  }

  wait(waiter: Waiter, delayMs: number): void {
    // One more, since a part of this beat is over.
    waiter.dueBeat = this.#beat + Math.ceil(delayMs / this.#beatMs) + 1;
    this.#count += 1;
    this.#file(waiter);
    // Sessions must not keep a process alive that has nothing else to do.
    this.#timer ??= setInterval(() => this.#turn(), this.#beatMs).unref();
  }

  forget(waiter: Waiter): void {
    if (this.#wheel[this.#slotOf(waiter)]?.delete(waiter) === true) this.#leave();
  }

  #turn(): void {
    this.#beat += 1;
    const slot = this.#wheel[this.#beat % wheelBeats];
    if (slot === undefined || slot.size === 0) return;
    const filed = [...slot];
    for (const waiter of filed) {
      // What ran before it may have taken it back.
      if (!slot.delete(waiter)) continue;
      if (waiter.dueBeat > this.#beat) this.#file(waiter);
      else {
        this.#leave();
        waiter.due();
      }
    }
  }

  #file(waiter: Waiter): void {
    (this.#wheel[this.#slotOf(waiter)] ??= new Set()).add(waiter);
  }

  /** One that is due in more than a turn stands where it is looked at again, a turn from when it was filed. */
  #slotOf({ dueBeat }: Waiter): number {
    return dueBeat % wheelBeats;
  }

  #leave(): void {
    this.#count -= 1;
    if (this.#count > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

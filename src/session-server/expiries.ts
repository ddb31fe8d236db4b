import { Waiter, type WaiterClock } from "../session/clock.ts";

/**
 * So far ahead the clock of sessions is asked. Its beats come late, some per cent of them on a busy machine, and none comes
 * while a machine sleeps: of a right of an hour that would be minutes.
 */
const longestWaitMs = 10_000;

/** A session, of which this needs no more. */
type Detachable = { detach(name: "stale"): void };

/** Lets go of what carries a session when the right to it is over, so that its client comes back and shows a new one. */
class Expiry extends Waiter {
  readonly #clock: WaiterClock;
  readonly #session: Detachable;
  readonly #atMs: number;

  constructor(clock: WaiterClock, session: Detachable, atMs: number) {
    super();
    this.#clock = clock;
    this.#session = session;
    this.#atMs = atMs;
    this.#wait();
  }

  due(): void {
    if (Date.now() < this.#atMs) this.#wait();
    else this.#session.detach("stale");
  }

  #wait(): void {
    const leftMs = this.#atMs - Date.now();
    this.#clock.wait(this, Math.min(longestWaitMs, Math.max(0, leftMs)));
  }
}

/** When the right to each session is over, for those of which that is known. */
export class Expiries {
  readonly #clock: WaiterClock;
  readonly #expiries = new Map<Detachable, Expiry>();

  constructor(clock: WaiterClock) {
    this.#clock = clock;
  }

  /** From a new attach on, in place of what was known before. @param atMs - undefined: never */
  set(session: Detachable, atMs: number | undefined): void {
    this.forget(session);
    if (atMs !== undefined) this.#expiries.set(session, new Expiry(this.#clock, session, atMs));
  }

  forget(session: Detachable): void {
    const expiry = this.#expiries.get(session);
    if (expiry === undefined) return;
    this.#clock.forget(expiry);
    this.#expiries.delete(session);
  }
}

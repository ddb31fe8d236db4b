import type { ServerSession } from "../session/server-session.ts";
import { Waiter, type WaiterClock } from "../session/clock.ts";
import type { Item } from "./item.ts";

/** Lets go of what carries a session when the right to it is over, so that its client comes back and shows a new one. */
class Expiry extends Waiter {
  readonly #clock: WaiterClock;
  readonly #session: ServerSession<Item>;
  readonly #atMs: number;

  constructor(clock: WaiterClock, session: ServerSession<Item>, atMs: number) {
    super();
    this.#clock = clock;
    this.#session = session;
    this.#atMs = atMs;
    this.#wait();
  }

  due(): void {
    // The clock of sessions counts beats, and the one on the wall may have been set.
    if (Date.now() < this.#atMs) this.#wait();
    else this.#session.detach("stale");
  }

  #wait(): void {
    this.#clock.wait(this, Math.max(0, this.#atMs - Date.now()));
  }
}

/** When the right to each session is over, for those of which that is known. */
export class Expiries {
  readonly #clock: WaiterClock;
  readonly #expiries = new Map<ServerSession<Item>, Expiry>();

  constructor(clock: WaiterClock) {
    this.#clock = clock;
  }

  /** From a new attach on, in place of what was known before. @param atMs - undefined: never */
  set(session: ServerSession<Item>, atMs: number | undefined): void {
    this.forget(session);
    if (atMs !== undefined) this.#expiries.set(session, new Expiry(this.#clock, session, atMs));
  }

  forget(session: ServerSession<Item>): void {
    const expiry = this.#expiries.get(session);
    if (expiry === undefined) return;
    this.#clock.forget(expiry);
    this.#expiries.delete(session);
  }
}

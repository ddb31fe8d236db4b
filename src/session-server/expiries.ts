import { Waiter, type WaiterClock } from "../session/clock.ts";

/**
 * So far ahead the clock of sessions is asked. Its beats come late, some per cent of them on a busy machine, and none comes
 * while a machine sleeps: of a right of an hour that would be minutes.
 */
const longestWaitMs = 10_000;
/** Above that, half of the time is waited for, and the clock on the wall asked again: late beats then add up to little. */
const shortWaitMs = 500;

/** So long before its end a right is to be renewed: time for a new token and a new transport, also behind a login server that is slow. */
const longestRenewalMs = 30_000;
/** Of a right that is short. */
const renewalShare = 0.2;

/** Whose right to a session it is. */
export type Entitled = {
  /** The right is about to end: the client is to attach with a new one. */
  renew(): void;
  /** It has ended: the client is let go, and comes back at once with a new one. */
  expire(): void;
  /** It has not come back. */
  missed(): void;
};

class Expiry extends Waiter {
  readonly atMs: number;
  /** Once only: a client that shows the same right again has no other one yet. */
  hasAsked: boolean;
  readonly #clock: WaiterClock;
  readonly #entitled: Entitled;
  readonly #returnMs: number;
  readonly #renewalMs: number;
  #isOver = false;

  constructor({ clock, returnMs }: ExpiryTimes, entitled: Entitled, atMs: number, hasAsked: boolean) {
    super();
    this.#clock = clock;
    this.#entitled = entitled;
    this.#returnMs = returnMs;
    this.atMs = atMs;
    this.hasAsked = hasAsked;
    this.#renewalMs = Math.min(longestRenewalMs, (atMs - Date.now()) * renewalShare);
    this.#wait(atMs - Date.now());
  }

  due(): void {
    const leftMs = this.atMs - Date.now();
    if (this.#isOver) this.#entitled.missed();
    else if (leftMs <= 0) this.#end();
    else this.#look(leftMs);
  }

  #look(leftMs: number): void {
    const asks = !this.hasAsked && leftMs <= this.#renewalMs;
    this.hasAsked ||= asks;
    // Before the rest, which may end the session, and forget this.
    this.#wait(leftMs);
    if (asks) this.#entitled.renew();
  }

  #end(): void {
    this.#isOver = true;
    this.#clock.wait(this, this.#returnMs);
    this.#entitled.expire();
  }

  #wait(leftMs: number): void {
    const untilMs = this.hasAsked ? leftMs : leftMs - this.#renewalMs;
    const waitMs = untilMs > shortWaitMs ? untilMs / 2 : Math.max(0, untilMs);
    this.#clock.wait(this, Math.min(longestWaitMs, waitMs));
  }
}

export type ExpiryTimes = {
  readonly clock: WaiterClock;
  /** How long a client may take to come back when its right has ended. */
  readonly returnMs: number;
};

/** When the right to each session is over, for those of which that is known. */
export class Expiries {
  readonly #times: ExpiryTimes;
  readonly #expiries = new Map<Entitled, Expiry>();

  constructor(times: ExpiryTimes) {
    this.#times = times;
  }

  /** From a new attach on, in place of what was known before. @param atMs - undefined: never */
  set(entitled: Entitled, atMs: number | undefined): void {
    const before = this.#expiries.get(entitled);
    this.forget(entitled);
    if (atMs === undefined) return;
    const hasAsked = before?.atMs === atMs && before.hasAsked;
    this.#expiries.set(entitled, new Expiry(this.#times, entitled, atMs, hasAsked));
  }

  forget(entitled: Entitled): void {
    const expiry = this.#expiries.get(entitled);
    if (expiry === undefined) return;
    this.#times.clock.forget(expiry);
    this.#expiries.delete(entitled);
  }
}

import { mostEarly } from "../channel/shares.ts";
import { Waiter, type WaiterClock } from "./clock.ts";

/** Whose peer it is that may be gone. */
export type Watched = {
  /** Nothing was heard for the interval. */
  ping(): void;
  /** Nor was anything after that. */
  lost(): void;
};

/** The heartbeat of one transport. */
export type LivenessTimes = {
  /** 0: never. */
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
};

/** Finds a peer that is gone without a word. It waits once at a time, and a message does not touch that: it notes the time. */
export class Liveness extends Waiter {
  readonly #clock: WaiterClock;
  readonly #pingIntervalMs: number;
  readonly #pongTimeoutMs: number;
  readonly #watched: Watched;
  #heardAtMs = 0;
  /** What was heard last when it began to wait, or when it asked. */
  #sinceMs = 0;
  #hasAsked = false;
  #isPaused = false;

  constructor(clock: WaiterClock, times: LivenessTimes, watched: Watched) {
    super();
    this.#clock = clock;
    this.#pingIntervalMs = times.pingIntervalMs * (1 - mostEarly * clock.nextShare());
    this.#pongTimeoutMs = times.pongTimeoutMs;
    this.#watched = watched;
    this.start();
  }

  /** Watches from now on. */
  start(): void {
    this.#isPaused = false;
    this.#watchAnew();
  }

  /**
   * Judges nothing for now: this side does not read, and the silence is its own. It goes on pinging, since the other side
   * hears nothing else of this one, and has pings that are not answered.
   */
  pause(): void {
    this.#isPaused = true;
    this.#watchAnew();
  }

  heard(): void {
    this.#heardAtMs = this.#clock.now();
  }

  stop(): void {
    this.#clock.forget(this);
  }

  due(): void {
    if (this.#isPaused) {
      this.#watched.ping();
      this.#watchAnew();
    } else if (this.#hasAsked) {
      if (this.#heardAtMs < this.#sinceMs) this.#watched.lost();
      else this.#watch();
    } else if (this.#heardAtMs === this.#sinceMs) this.#ask();
    else this.#watch();
  }

  #watchAnew(): void {
    this.stop();
    this.heard();
    this.#watch();
  }

  #ask(): void {
    this.#hasAsked = true;
    this.#sinceMs = this.#clock.now();
    this.#clock.wait(this, this.#pongTimeoutMs);
    this.#watched.ping();
  }

  #watch(): void {
    if (this.#pingIntervalMs === 0) return;
    this.#hasAsked = false;
    this.#sinceMs = this.#heardAtMs;
    this.#clock.wait(this, Math.max(0, this.#heardAtMs + this.#pingIntervalMs - this.#clock.now()));
  }
}

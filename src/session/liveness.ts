import type { Clock } from "./clock.ts";

/** The heartbeat of one transport: what is done after how much silence. */
export type LivenessOptions = {
  /** 0: never. */
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  readonly ping: () => void;
  readonly lost: () => void;
};

/** Finds a peer that is gone without a word. One timer, which a message does not touch: it notes the time. */
export class Liveness {
  readonly #clock: Clock;
  readonly #options: LivenessOptions;
  #heardAtMs = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, options: LivenessOptions) {
    this.#clock = clock;
    this.#options = options;
    this.start();
  }

  /** Watches from now on. */
  start(): void {
    this.stop();
    this.heard();
    this.#watch();
  }

  heard(): void {
    this.#heardAtMs = this.#clock.now();
  }

  stop(): void {
    this.#cancel?.();
  }

  /** Asks now. Lost is who says nothing in this time. */
  probe(timeoutMs: number): void {
    this.stop();
    const askedAtMs = this.#clock.now();
    this.#cancel = this.#clock.after(timeoutMs, () => {
      if (this.#heardAtMs < askedAtMs) this.#options.lost();
      else this.#watch();
    });
    this.#options.ping();
  }

  #watch(): void {
    const { pingIntervalMs, pongTimeoutMs } = this.#options;
    if (pingIntervalMs === 0) return;
    const heardAtMs = this.#heardAtMs;
    this.#cancel = this.#clock.after(Math.max(0, heardAtMs + pingIntervalMs - this.#clock.now()), () => {
      if (this.#heardAtMs === heardAtMs) this.probe(pongTimeoutMs);
      else this.#watch();
    });
  }
}

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
    const { pingIntervalMs } = this.#options;
    if (pingIntervalMs > 0) this.#watch(pingIntervalMs);
  }

  heard(): void {
    this.#heardAtMs = this.#clock.now();
  }

  stop(): void {
    this.#cancel?.();
  }

  #watch(delayMs: number): void {
    const { pingIntervalMs, pongTimeoutMs, ping, lost } = this.#options;
    this.#cancel = this.#clock.after(delayMs, () => {
      const silentMs = this.#clock.now() - this.#heardAtMs;
      if (silentMs < pingIntervalMs) {
        this.#watch(pingIntervalMs - silentMs);
        return;
      }
      const heardAtMs = this.#heardAtMs;
      this.#cancel = this.#clock.after(pongTimeoutMs, () => {
        if (this.#heardAtMs === heardAtMs) lost();
        else this.#watch(Math.max(0, this.#heardAtMs + pingIntervalMs - this.#clock.now()));
      });
      ping();
    });
  }
}

const tickMs = 5;
let latestMs = performance.now();
let passedMs = 0;
// It must not keep a test alive that is done.
setInterval(ownTimeMs, tickMs).unref();

/**
 * The time that this process has had, in milliseconds from any moment: without the moments in which it was held up.
 *
 * Client and server of a test are in this process. What they promise to do soon they cannot do while the machine is busy
 * with others, and it is no fault of theirs: the promise is one in this time. What must not be early is held against the
 * clock of the machine.
 */
export function ownTimeMs(): number {
  const nowMs = performance.now();
  passedMs += Math.min(nowMs - latestMs, 2 * tickMs);
  latestMs = nowMs;
  return passedMs;
}

/**
 * Calls once, when this process has had so much time. A timer alone would be told after a pause that nothing came in
 * time, of what waits to be read: timers come before sockets. @returns takes it back
 */
export function afterOwnTime(ms: number, run: () => void): () => void {
  const endMs = ownTimeMs() + ms;
  const look = (): void => {
    const leftMs = endMs - ownTimeMs();
    if (leftMs <= 0) run();
    else timer = setTimeout(look, leftMs);
  };
  let timer = setTimeout(look, ms);
  return () => clearTimeout(timer);
}

/** How long something took: what must not be early is held against one of its times, what must not be late against the other. */
export class Stopwatch {
  readonly #beganMs = performance.now();
  readonly #ownBeganMs = ownTimeMs();

  /** By the clock of the machine. */
  get tookMs(): number {
    return performance.now() - this.#beganMs;
  }

  /** In the time that this process has had. */
  get ownTookMs(): number {
    return ownTimeMs() - this.#ownBeganMs;
  }
}

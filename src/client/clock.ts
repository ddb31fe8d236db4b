/** Milliseconds since any moment, by the time of the platform, which does not jump when somebody sets the clock. */
export function now(): number {
  return performance.now();
}

const longestMs = 2e9;

/** Calls once, later, and not what it was to call before. Without arguments it calls nothing. */
export type Timer = (delayMs?: number, run?: false | (() => void)) => void;

export function createTimer(): Timer {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return (delayMs, run) => {
    clearTimeout(timer);
    // What is longer would be over at once (HTML, timer initialisation steps).
    timer = (run && setTimeout(run, Math.min(delayMs as number, longestMs))) as typeof timer;
  };
}

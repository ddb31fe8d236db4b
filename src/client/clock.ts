import type { Clock } from "../session/clock.ts";

/** The time of the platform, which does not jump when somebody sets the clock. */
export const clock: Clock = {
  now: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

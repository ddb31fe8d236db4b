/** Time, which comes from outside: the state machine can run in a second what takes an hour. */
export type Clock = {
  /** Milliseconds since any moment. */
  now(): number;
  /** Calls once, later. @returns takes it back */
  after(delayMs: number, run: () => void): () => void;
};

/** Something that waits again and again, and is its own entry: closures for each wait took a tenth of a session. */
export abstract class Waiter {
  /** Kept by the clock. */
  dueBeat = 0;

  abstract due(): void;
}

/** Time for those of whom there are many. */
export type WaiterClock = Clock & {
  /** A share, above 0 and up to 1, by which whoever waits for long is to wait less: those who begin together then do not end together. */
  nextShare(): number;
  /** Calls `due` once, later. What waits already is to be forgotten first. */
  wait(waiter: Waiter, delayMs: number): void;
  forget(waiter: Waiter): void;
};

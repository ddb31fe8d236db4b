/** Time, which comes from outside: the state machine can run in a second what takes an hour. */
export type Clock = {
  /** Milliseconds since any moment. */
  now(): number;
  /** Calls once, later. @returns takes it back */
  after(delayMs: number, run: () => void): () => void;
};

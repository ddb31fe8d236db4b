/** What carries a conversation that can go on over another connection. */
export type Movable = {
  /** Asks the client for another transport, at its own time. Until then this one goes on. */
  moveAfter(delayMs: number): void;
};

/** Takes what a socket has read, and tells its listener what the client says with it. */
export type Reader = {
  read(chunk: Buffer): void;
  /** Some of what was read waits for a later turn: until that is done nothing more should be read. */
  readonly isBehind: boolean;
  /** Reading was paused for a slow handler, and goes on. */
  resume(): void;
  /** The client sends no more. @param done - called when the listener was told all that was read */
  end(done: () => void): void;
};

/** What decides when, and whether, what has come is read. */
export type Pace = {
  /** Whether messages still have a receiver. */
  readonly isOpen: boolean;
  /** So many messages wait for it that no further one may. */
  readonly isReadingPaused: boolean;
  /** Pauses or resumes the socket: {@link Reader.isBehind} has changed. */
  adjustReading(): void;
};

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

/** What waits for a client. */
export type Output = {
  /** Bytes accepted and not yet handed on. */
  readonly bufferedAmount: number;
  /** Whether so many bytes more are within the hard limit. @param waitingBytes - what stands in line for this output */
  hasRoomFor(bytes: number, waitingBytes?: number): boolean;
  /** Resolves when less than the soft limit waits, or nobody is there to take it. */
  drained(): Promise<void>;
  /** Resolves when all of it was handed on, or nobody is there to take it. */
  flushed(): Promise<void>;
};

/** Milliseconds since any moment, by the time of the platform, which does not jump when somebody sets the clock. */
export function now(): number {
  return performance.now();
}

/** Calls once, later. @returns takes it back */
export function after(delayMs: number, run: () => void): () => void {
  const timer = setTimeout(run, delayMs);
  return () => clearTimeout(timer);
}

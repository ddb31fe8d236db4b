import type { TestContext } from "node:test";

/**
 * Stops the clock on the wall for a test, which then sets it: so what is over by that clock is over when the test says so,
 * however busy the machine is. Timers go on.
 *
 * @returns sets it to so many milliseconds after the moment at which it stopped
 */
export function stopWall(t: TestContext): (atMs: number) => void {
  const startMs = Date.now();
  const { mock } = t.mock.method(Date, "now", () => startMs);
  return (atMs) => mock.mockImplementation(() => startMs + atMs);
}

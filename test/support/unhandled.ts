import assert from "node:assert/strict";
import { after } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";

/** For a whole test file: fails it when a promise was rejected or an error thrown with nobody to take it. */
export function guardAgainstUnhandled(): void {
  const faults: unknown[] = [];
  const note = (fault: unknown): void => void faults.push(fault);
  process.on("unhandledRejection", note);
  process.on("uncaughtExceptionMonitor", note);
  after(async () => {
    await nextTurn();
    process.off("unhandledRejection", note);
    process.off("uncaughtExceptionMonitor", note);
    assert.deepEqual(faults, [], "faults that nobody handled");
  });
}

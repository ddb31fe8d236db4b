import { setImmediate as nextCheck, setTimeout as delay } from "node:timers/promises";
import { afterOwnTime, ownTimeMs } from "./own-time.ts";

const turnsBeforePauses = 20;
const pauseMs = 5;

/**
 * Calls `fn` again and again until it no longer throws (or rejects), then resolves with its result.
 *
 * Only for state in this process that announces nothing; what arrives on a wire has waits of its own.
 */
export async function eventually<T>(fn: () => T | Promise<T>, { timeoutMs = 1000 } = {}): Promise<T> {
  const deadline = ownTimeMs() + timeoutMs;
  for (let turn = 0; ; turn++) {
    try {
      return await fn();
    } catch (error) {
      if (ownTimeMs() >= deadline) throw error;
    }
    await (turn < turnsBeforePauses ? nextCheck() : delay(pauseMs));
  }
}

/** The promise's own outcome, or a rejection when it has none in time. */
export async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  const late = deferred<never>();
  const failure = new Error(`${what} did not settle in ${ms} ms`); // made here for its stack
  const forget = afterOwnTime(ms, () => late.reject(failure));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    forget();
  }
}

export type Deferred<T> = { promise: Promise<T>; resolve: (value: T) => void; reject: (reason: unknown) => void };

/** A promise that the test settles by hand (Node 20 has no Promise.withResolvers). */
export function deferred<T = void>(): Deferred<T> {
  let resolve: Deferred<T>["resolve"] | undefined;
  let reject: Deferred<T>["reject"] | undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  if (resolve === undefined || reject === undefined) throw new Error("a promise runs its executor at once");
  return { promise, resolve, reject };
}

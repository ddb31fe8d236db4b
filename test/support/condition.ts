import { afterOwnTime } from "./own-time.ts";

/** How a wait ends when its time is over: a value resolves it, an error thrown rejects it. */
export type UntilOptions<T> = { timeoutMs: number; atTimeout: () => T };

/**
 * Lets any number of callers wait until some changing state answers them.
 *
 * Whoever changes the state calls `changed()`. Nothing polls, so a wait ends in the turn in which its reason appears.
 */
export class Condition {
  readonly #attempts = new Set<() => void>();

  changed(): void {
    for (const attempt of this.#attempts) attempt();
  }

  /** Resolves with the first value of `attempt` that is not undefined; rejects with what it throws. */
  until<T>(attempt: () => T | undefined, options: UntilOptions<T>): Promise<T> {
    const calledFrom = new Error("the wait began here"); // a timer's own stack does not tell which test waited
    return new Promise<T>((resolve, reject) => {
      const settle = (answer: () => T | undefined): void => {
        let value: T | undefined;
        try {
          value = answer();
          if (value === undefined && answer === attempt) return;
          resolve(value as T);
        } catch (error) {
          if (error instanceof Error) error.cause ??= calledFrom;
          reject(error);
        }
        forget();
        this.#attempts.delete(again);
      };
      const again = (): void => settle(attempt);
      const forget = afterOwnTime(options.timeoutMs, () => settle(options.atTimeout));
      this.#attempts.add(again);
      again();
    });
  }
}

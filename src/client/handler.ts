import type { ErrorDetails } from "../channel/errors.ts";
import { check, misuse } from "./misuse.ts";

/** The one handler of a sort that a channel has, or will have. */
export type HandlerSlot<Told extends readonly unknown[]> = readonly [
  /** Throws for what is no function, and the second time. */
  set: (handler: (...told: Told) => unknown) => void,
  tell: (...told: Told) => void,
];

/** @param isLate - a handler that is set late is told what was told last; else what comes without one is dropped */
export function createHandler<Told extends readonly unknown[]>(
  name: ErrorDetails["HANDLER_ALREADY_SET"]["handler"],
  isLate?: boolean,
): HandlerSlot<Told> {
  let handler: ((...told: Told) => unknown) | undefined;
  let last: Told | undefined;

  function tell(...told: Told): void {
    if (isLate) last = told;
    try {
      handler?.(...told);
    } catch (error) {
      // What a handler throws must not disturb the session.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  function set(given: (...told: Told) => unknown): void {
    check(typeof given === "function", name, "a function", given);
    if (handler) throw misuse("HANDLER_ALREADY_SET", `${name} is set already`, { handler: name });
    handler = given;
    if (last) tell(...last);
  }

  return [set, tell];
}

import { invalidArgument, isChannelError } from "./errors.ts";

/**
 * Looks at what an application gives, whose getters, traps and string forms are the application's own. What they throw
 * becomes the cause of an `INVALID_ARGUMENT`, which says that nothing has been sent.
 */
export function lookAt<Result>(argument: string, value: unknown, look: () => Result): Result {
  try {
    return look();
  } catch (cause) {
    if (isChannelError(cause)) throw cause;
    throw invalidArgument(argument, "something that can be looked at", value, { cause });
  }
}

import type { HandlerName } from "./errors.ts";
import { isThenable } from "./mailbox.ts";

/** Who reports what a function of the application throws. */
type Owner = { handlerFailed(handler: HandlerName, cause: unknown): void };

/** Calls a function of the application, which may be asynchronous and is not waited for. */
export function callHandler(owner: Owner, name: HandlerName, run: () => unknown): void {
  const failed = (cause: unknown): void => owner.handlerFailed(name, cause);
  try {
    const result = run();
    if (isThenable(result)) Promise.resolve(result).catch(failed);
  } catch (cause) {
    failed(cause);
  }
}

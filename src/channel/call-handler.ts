import { isThenable } from "./mailbox.ts";

/** Calls a function of the application, which may be asynchronous and is not waited for. @param failed - what it threw */
export function callHandler(run: () => unknown, failed: (cause: unknown) => void): void {
  try {
    const result = run();
    if (isThenable(result)) Promise.resolve(result).catch(failed);
  } catch (cause) {
    failed(cause);
  }
}

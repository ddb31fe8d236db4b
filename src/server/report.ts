import type { ChannelError, ErrorListener } from "../channel/errors.ts";

/**
 * Where faults go when the application gives no `onError`: those of the application to standard error.
 *
 * Those of peers go nowhere, since anybody on the network can cause any number of them.
 */
export const reportToStandardError: ErrorListener = (error) => {
  if (error.code !== "PEER_FAULT") write(error, error.message);
};

/** A listener that cannot fail: a fault of the fault listener must not become a fault of the server. */
export function containListener(listener: ErrorListener): ErrorListener {
  return (error) => void report(listener, error);
}

/** Calls the listener at once. An asynchronous one is a listener, too, and its rejection would end the process. */
async function report(listener: ErrorListener, error: ChannelError): Promise<void> {
  try {
    const result: unknown = listener(error);
    await result;
  } catch (cause) {
    reportToStandardError(error);
    write(cause, "The error listener failed with what cannot be printed");
  }
}

/** Prints a fault. What an application throws may be anything, also what throws when it is printed. */
function write(fault: unknown, instead: string): void {
  try {
    // oxlint-disable-next-line no-console -- the last resort for a fault that would otherwise be lost
    console.error(fault);
  } catch {
    // oxlint-disable-next-line no-console -- see above
    console.error(instead);
  }
}

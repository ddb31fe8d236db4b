import type { ErrorListener } from "../channel/errors.ts";

/**
 * Where faults go when the application gives no `onError`: those of the application to standard error.
 *
 * Those of peers go nowhere, since anybody on the network can cause any number of them.
 */
export const reportToStandardError: ErrorListener = (error) => {
  // oxlint-disable-next-line no-console -- the last resort for a fault that would otherwise be lost
  if (error.code !== "PEER_FAULT") console.error(error);
};

/** A listener that cannot throw: a fault of the fault listener must not become a fault of the server. */
export function containListener(listener: ErrorListener): ErrorListener {
  return (error) => {
    try {
      listener(error);
    } catch (cause) {
      reportToStandardError(error);
      // oxlint-disable-next-line no-console -- see above
      console.error(cause);
    }
  };
}

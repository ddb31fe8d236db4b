import { ChannelErrorOf, describe } from "../channel/errors.ts";
import { isThenable } from "../channel/mailbox.ts";
import type { ServerSettings } from "./server-state.ts";

/** What becomes of a request once its handler is done. */
export type DispatchListener = {
  answered(response: Response): void;
  /** The handler threw, rejected, or returned something else; it is reported already. */
  failed(): void;
};

/** Runs the handler of a request and contains whatever it does. */
export function dispatch(settings: ServerSettings, request: Request, listener: DispatchListener): void {
  const { handler, environment } = settings;
  const settle = (response: unknown): void => {
    if (isResponse(response)) listener.answered(response);
    else {
      environment.report(new ChannelErrorOf("HANDLER_RETURNED_NOTHING", { received: describe(response) }));
      listener.failed();
    }
  };
  const fail = (cause: unknown): void => {
    environment.report(new ChannelErrorOf("HANDLER_FAILED", { handler: "request" }, { cause }));
    listener.failed();
  };
  let result: unknown;
  let isPromise: boolean;
  try {
    result = handler(request);
    isPromise = isThenable(result);
  } catch (cause) {
    fail(cause);
    return;
  }
  if (isPromise) Promise.resolve(result).then(settle, fail);
  else settle(result);
}

/** By shape and not by class: frameworks bring response classes of their own. */
function isResponse(value: unknown): value is Response {
  if (typeof value !== "object" || value === null) return false;
  try {
    if (!("status" in value) || typeof value.status !== "number") return false;
    return "headers" in value && typeof value.headers === "object" && value.headers !== null;
  } catch {
    // A wrapped response may refuse to be looked at: getters of the class do not work on a proxy.
    return false;
  }
}

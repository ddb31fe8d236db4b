import type { Environment } from "../channel/environment.ts";
import { ChannelErrorOf, describe } from "../channel/errors.ts";
import { isThenable } from "../channel/mailbox.ts";
import type { ServerSettings } from "./server-state.ts";

/** What becomes of a request once its handler is done. */
export type DispatchListener = {
  /** The response that stands for the channel, if the handler has taken it. */
  readonly placeholder: Response | undefined;
  answered(response: Response): void;
  /** The handler threw, rejected, or returned something else; it is reported already. */
  failed(): void;
};

/** Runs the handler of a request and contains whatever it does. */
export function dispatch({ handler, environment }: ServerSettings, request: Request, listener: DispatchListener): void {
  let result: unknown;
  let isPromise: boolean;
  try {
    result = handler(request);
    isPromise = isThenable(result);
  } catch (cause) {
    fail(environment, listener, cause);
    return;
  }
  if (!isPromise) settle(environment, listener, result);
  else {
    Promise.resolve(result).then(
      (response) => settle(environment, listener, response),
      (cause: unknown) => fail(environment, listener, cause),
    );
  }
}

function settle(environment: Environment, listener: DispatchListener, response: unknown): void {
  if (isResponse(response, listener.placeholder)) listener.answered(response);
  else {
    environment.report(new ChannelErrorOf("HANDLER_RETURNED_NOTHING", { received: describe(response) }));
    listener.failed();
  }
}

function fail(environment: Environment, listener: DispatchListener, cause: unknown): void {
  environment.report(new ChannelErrorOf("HANDLER_FAILED", { handler: "request" }, { cause }));
  listener.failed();
}

/** By shape and not by class: frameworks bring response classes of their own. */
function isResponse(value: unknown, placeholder: Response | undefined): value is Response {
  if (typeof value !== "object" || value === null) return false;
  // Asked for its headers it would make some, for every channel.
  if (value === placeholder) return true;
  try {
    if (!("status" in value) || typeof value.status !== "number") return false;
    return "headers" in value && typeof value.headers === "object" && value.headers !== null;
  } catch {
    // A wrapped response may refuse to be looked at: getters of the class do not work on a proxy.
    return false;
  }
}

import { ChannelErrorOf, describe } from "../channel/errors.ts";
import { isThenable } from "../channel/mailbox.ts";
import type { Acceptor } from "./acceptor.ts";

/** A standard request handler. It answers a request, or returns what `withChannel` gave it. */
export type RequestHandler = (request: Request) => Response | Promise<Response>;

/** What becomes of a request once its handler is done. */
export type DispatchListener = {
  answered(response: Response): void;
  /** The handler threw, rejected, or returned something else; it is reported already. */
  failed(): void;
};

/** Runs the handler of a request and contains whatever it does. At the limit of pending requests it is not run. */
export function dispatch(acceptor: Acceptor, request: Request, listener: DispatchListener): void {
  const settle = (response: unknown): void => {
    if (isResponse(response)) listener.answered(response);
    else {
      acceptor.environment.report(new ChannelErrorOf("HANDLER_RETURNED_NOTHING", { received: describe(response) }));
      listener.failed();
    }
  };
  const fail = (cause: unknown): void => {
    acceptor.environment.report(new ChannelErrorOf("HANDLER_FAILED", { handler: "request" }, { cause }));
    listener.failed();
  };
  let result: unknown;
  try {
    result = acceptor.handler(request);
  } catch (cause) {
    fail(cause);
    return;
  }
  if (isThenable(result)) result.then(settle, fail);
  else settle(result);
}

/** By shape and not by class: frameworks bring response classes of their own. */
function isResponse(value: unknown): value is Response {
  return (
    typeof value === "object" &&
    value !== null &&
    "status" in value &&
    typeof value.status === "number" &&
    "headers" in value &&
    typeof value.headers === "object"
  );
}

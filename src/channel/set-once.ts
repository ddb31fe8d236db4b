import { ChannelErrorOf, type ErrorDetails, invalidArgument } from "./errors.ts";

/** The handler, if it may be set: a channel takes one of each sort. */
export function setOnce<Handler>(
  name: ErrorDetails["HANDLER_ALREADY_SET"]["handler"],
  isSet: boolean,
  handler: Handler,
): Handler {
  if (typeof handler !== "function") throw invalidArgument(`the handler of ${name}`, "a function", handler);
  if (isSet) throw new ChannelErrorOf("HANDLER_ALREADY_SET", { handler: name });
  return handler;
}

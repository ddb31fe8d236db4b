import { checkOptions } from "./check-options.ts";
import { invalidArgument } from "./errors.ts";

const sendOptionNames = ["close"];

/**
 * The `close` of a send or a broadcast, looked at once; undefined for the default. Throws `INVALID_ARGUMENT` for options
 * that are none and for what is no boolean: `"false"`, from a form for example, would close.
 */
export function checkSendOptions(options: { readonly close?: boolean } | undefined): boolean | undefined {
  if (options === undefined) return undefined;
  checkOptions("options", options, sendOptionNames);
  const { close } = options;
  if (close !== undefined && typeof close !== "boolean") throw invalidArgument("close", "true or false", close);
  return close;
}

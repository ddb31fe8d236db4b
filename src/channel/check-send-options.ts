import { checkOptions } from "./check-options.ts";
import { invalidArgument } from "./errors.ts";
import { lookAt } from "./look-at.ts";

const sendOptionNames = ["close"];

/**
 * The `close` of a send, looked at once; undefined for the default. Throws `INVALID_ARGUMENT` for options that are none,
 * and as {@link checkClosing}.
 */
export function checkSendOptions(options: { readonly close?: boolean } | undefined): boolean | undefined {
  if (options === undefined) return undefined;
  return lookAt("options", options, () => {
    checkOptions("options", options, sendOptionNames);
    return checkClosing(options.close);
  });
}

/** Throws `INVALID_ARGUMENT` for what is no boolean: `"false"`, from a form for example, would close. */
export function checkClosing(close: boolean | undefined): boolean | undefined {
  if (close !== undefined && typeof close !== "boolean") throw invalidArgument("close", "true or false", close);
  return close;
}

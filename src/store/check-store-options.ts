import { checkOptions } from "../channel/check-options.ts";
import { checkClosing } from "../channel/check-send-options.ts";
import { lookAt } from "../channel/look-at.ts";
import { invalidArgument } from "../channel/errors.ts";
import type { BroadcastOptions, JoinOptions } from "./options.ts";
import { checkPosition, type Position } from "./position.ts";

/** What a member has seen, and how many messages it wants where that is not known. */
export type CheckedJoin = { readonly since: Position | undefined; readonly last: number };

/** Undefined: closed or not as each kind of member is by default. */
export type CheckedBroadcast = { readonly close: boolean | undefined; readonly isKept: boolean };

const byDefault: CheckedBroadcast = { close: undefined, isKept: true };

/** Throws `INVALID_ARGUMENT` for options that cannot be, and for those of history without one. */
export function checkJoin(options: JoinOptions, hasHistory: boolean): CheckedJoin {
  return lookAt("options", options, () => {
    checkOptions("options", options, ["since", "last"]);
    const { since, last } = options;
    for (const [name, given] of Object.entries({ since, last })) {
      if (given !== undefined && !hasHistory)
        throw invalidArgument(name, "left out: this store keeps no history", given);
    }
    if (last !== undefined && !(Number.isSafeInteger(last) && last > 0)) {
      throw invalidArgument("last", "an integer of at least 1", last);
    }
    return { since: since === undefined ? undefined : checkPosition("since", since), last: last ?? 0 };
  });
}

/** Throws `INVALID_ARGUMENT` for options that cannot be. */
export function checkBroadcast(options: BroadcastOptions | undefined): CheckedBroadcast {
  if (options === undefined) return byDefault;
  return lookAt("options", options, () => {
    checkOptions("options", options, ["close", "history"]);
    const { close, history = true } = options;
    if (typeof history !== "boolean") throw invalidArgument("history", "true or false", history);
    return { close: checkClosing(close), isKept: history };
  });
}

import { checkOptions } from "../channel/check-options.ts";
import { checkClosing } from "../channel/check-send-options.ts";
import { isPlainObject } from "../channel/plain-object.ts";
import { lookAt } from "../channel/look-at.ts";
import { invalidArgument } from "../channel/errors.ts";
import type { BroadcastOptions, JoinOptions, WhenBehind } from "./options.ts";
import { checkPosition, type Position } from "./position.ts";

/** What a member has seen, and how many messages it wants where that is not known. */
export type CheckedJoin = { readonly since: Position | undefined; readonly last: number };

/** What becomes of a message for a member that is behind. `newest` is the key of which only the newest waits. */
export type Policy =
  | { readonly name: "close" }
  | { readonly name: "drop"; readonly onDrop: BroadcastOptions["onDrop"] }
  | { readonly name: "newest"; readonly key: string };

export type CheckedBroadcast = {
  /** Undefined: closed or not as each kind of member is by default. */
  readonly close: boolean | undefined;
  readonly isKept: boolean;
  /** Undefined: it waits. Nobody is asked then whether they are behind. */
  readonly policy: Policy | undefined;
};

const byDefault: CheckedBroadcast = { close: undefined, isKept: true, policy: undefined };

/** Throws `INVALID_ARGUMENT` for options that cannot be, and for those of history without one. */
export function checkJoin(options: JoinOptions, hasHistory: boolean): CheckedJoin {
  return lookAt("options", options, () => {
    checkOptions("options", options, ["since", "last"]);
    const { last } = options;
    // JSON has no undefined: a client that has seen nothing yet says null.
    const since = options.since ?? undefined;
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

/** Throws `INVALID_ARGUMENT` for options that cannot be, and for those that a store with history cannot do. */
export function checkBroadcast(options: BroadcastOptions | undefined, hasHistory: boolean): CheckedBroadcast {
  if (options === undefined) return byDefault;
  return lookAt("options", options, () => {
    checkOptions("options", options, ["close", "history", "whenBehind", "onDrop"]);
    const { close, history = true, whenBehind, onDrop } = options;
    if (typeof history !== "boolean") throw invalidArgument("history", "true or false", history);
    const checked = { close: checkClosing(close), isKept: history, policy: checkPolicy(whenBehind, onDrop) };
    checkTogether(checked, hasHistory);
    return checked;
  });
}

function checkPolicy(whenBehind: WhenBehind | undefined, onDrop: BroadcastOptions["onDrop"]): Policy | undefined {
  if (onDrop !== undefined && (typeof onDrop !== "function" || whenBehind !== "drop")) {
    throw invalidArgument("onDrop", 'a function, and only with whenBehind: "drop"', onDrop);
  }
  if (whenBehind === undefined || whenBehind === "wait") return undefined;
  if (whenBehind === "close") return { name: "close" };
  if (whenBehind === "drop") return { name: "drop", onDrop };
  const expected = '"wait", "close", "drop" or { newest: key }';
  if (!isPlainObject(whenBehind)) throw invalidArgument("whenBehind", expected, whenBehind);
  checkOptions("whenBehind", whenBehind, ["newest"]);
  const { newest } = whenBehind;
  if (typeof newest !== "string") throw invalidArgument("whenBehind.newest", "a string", newest);
  return { name: "newest", key: newest };
}

function checkTogether({ close, isKept, policy }: CheckedBroadcast, hasHistory: boolean): void {
  if (policy === undefined || policy.name === "close") return;
  if (close === true) {
    throw invalidArgument("close", `left out with whenBehind ${policy.name}: a last message is for all`, close);
  }
  if (!hasHistory) return;
  if (policy.name === "newest") {
    const expected =
      "another in a store with history: what comes late would have a position that the member has passed";
    throw invalidArgument("whenBehind", expected, "newest");
  }
  if (isKept) {
    const expected = "another, unless history is false: positions have no gaps";
    throw invalidArgument("whenBehind", expected, "drop");
  }
}

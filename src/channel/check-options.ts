import { invalidArgument, unknownName } from "./errors.ts";
import { isPlainObject } from "./plain-object.ts";

/**
 * Throws `INVALID_ARGUMENT` for options that are no plain object, and for a name that is none of those they may have: a
 * misspelt option must not be silently without effect, and a `Map` or a `Date` has none at all.
 */
export function checkOptions(argument: string, options: unknown, names: readonly string[]): void {
  const expected = `an object with only ${names.join(", ")}`;
  if (!isPlainObject(options)) throw invalidArgument(argument, expected, options);
  // No list is made: this runs for each send that has options.
  for (const name in options) if (!names.includes(name)) throw unknownName(argument, expected, name);
}

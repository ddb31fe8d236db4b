import { checkOptions } from "./check-options.ts";
import { lookAt } from "./look-at.ts";

/**
 * A copy of options, each looked at once, whose getters and traps cannot throw any more. Throws as {@link checkOptions},
 * and `INVALID_ARGUMENT` for what throws when it is looked at.
 */
export function takeOptions<Options extends object>(
  argument: string,
  options: Options,
  names: readonly (keyof Options & string)[],
): Options {
  return lookAt(argument, options, () => {
    checkOptions(argument, options, names);
    const taken: Partial<Options> = {};
    for (const name of names) {
      const value = options[name];
      if (value !== undefined) taken[name] = value;
    }
    // All that it may have, as far as it was given.
    return taken as Options;
  });
}

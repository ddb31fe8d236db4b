import type { ChannelErrorOf, ErrorDetails } from "../channel/errors.ts";

type Misuse = "INVALID_ARGUMENT" | "HANDLER_ALREADY_SET";

/** An error as the server's, by which `isChannelError` knows it, without the texts that only a server needs. */
export function misuse<Code extends Misuse>(
  code: Code,
  text: string,
  details: ErrorDetails[Code],
): ChannelErrorOf<Code> {
  return Object.assign(new Error(text), { name: "ChannelError", code, details } as const);
}

/**
 * Throws `INVALID_ARGUMENT` unless a value is what it has to be.
 *
 * @param received - what it is. Default: of anything but a number its sort alone, since it may be secret
 */
export function check(
  isRight: unknown,
  argument: string,
  expected: string,
  value: unknown,
  received: string = typeof value === "number" ? `${value}` : `of type ${typeof value}`,
): asserts isRight {
  if (isRight) return;
  const text = `${argument} must be ${expected}, but it is ${received}`;
  throw misuse("INVALID_ARGUMENT", text, { argument, expected, received });
}

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

/** Throws `INVALID_ARGUMENT` unless a value is what it has to be. */
export function check(isRight: unknown, argument: string, expected: string, value: unknown): asserts isRight {
  if (isRight) return;
  // Short, and nothing of what may be secret.
  const received = typeof value === "number" ? `${value}` : typeof value;
  const text = `${argument} must be ${expected}, but it is ${received}`;
  throw misuse("INVALID_ARGUMENT", text, { argument, expected, received });
}

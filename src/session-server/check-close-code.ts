import { invalidArgument } from "../channel/errors.ts";

/** Of each range from 4000 on: those before are the protocol's. */
const firstOfApplication = 100;

/**
 * Throws `INVALID_ARGUMENT` for a code that the protocol of sessions has for itself (PROTOCOL.md, Codes): its client would
 * take the end for one of those, and may come back or stay away for good where the application meant something else.
 */
export function checkCloseCode(code: number): void {
  const isOfProtocol = code >= 4000 && code % 500 < firstOfApplication;
  if (!isOfProtocol) return;
  const expected =
    "1000 to 1003, 1007 to 1014, 3000 to 3999, 4100 to 4499 (the client opens a new session), or 4600 to 4999 (it stays away)";
  throw invalidArgument("the close code of a session", expected, code);
}

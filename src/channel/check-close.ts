import { invalidArgument } from "./errors.ts";
import { bytesOf } from "./message.ts";
import { isSendableCloseCode, maxReasonBytes } from "./status.ts";

/** Throws `INVALID_ARGUMENT` for a code or a reason that cannot stand in a Close frame. */
export function checkClose(code: number, reason: string): void {
  if (!isSendableCloseCode(code)) {
    throw invalidArgument("the close code", "1000 to 1003, 1007 to 1014, or 3000 to 4999", code);
  }
  if (typeof reason !== "string") throw invalidArgument("the close reason", "a string", reason);
  const reasonBytes = bytesOf(reason).length;
  if (reasonBytes > maxReasonBytes) {
    throw invalidArgument("the close reason", `at most ${maxReasonBytes} bytes of UTF-8`, reasonBytes);
  }
}

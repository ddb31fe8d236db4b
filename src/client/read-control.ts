import { fault, lost } from "../protocol/close-code.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import { isControl } from "../protocol/is-control.ts";
import type { SessionRecord } from "../protocol/record-codec.ts";
import type { Link } from "./link.ts";
import { check } from "./misuse.ts";

/** What bytes of a server have to be. */
export const asInProtocol = "as in PROTOCOL.md";

/** The members of a record that are counts: by these a client numbers what it sends and takes, and sets its timers. */
function countsOf(type: string): readonly string[] {
  if (type === "attached")
    return "attach received first pingIntervalMs pongTimeoutMs pollHoldMs maxMessageBytes".split(" ");
  if (type === "ack") return ["received"];
  if (type === "goaway") return ["afterMs"];
  return type === "close" || type === "detach" ? ["code"] : [];
}

/**
 * Reads a control record, and lets go of a transport over which something else came. Of what carries the session, that
 * is a fault of the server, which ends it; anything else may be of something between, which another transport passes.
 */
export function readControl(link: Link, text: string): ControlRecord | undefined {
  try {
    const record = JSON.parse(text) as SessionRecord & Record<string, unknown>;
    check(isControl(record), "record", asInProtocol, record);
    for (const name of countsOf(record.type)) {
      const value = record[name];
      check(Number.isInteger(value) && (value as number) >= 0, `record ${name}`, asInProtocol, value);
    }
    return record;
  } catch (error) {
    link.detach(link.session.carrier === link ? fault : lost, String(error));
    return undefined;
  }
}

import { fault, lost } from "../protocol/close-code.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import { isControl } from "../protocol/is-control.ts";
import type { SessionRecord } from "../protocol/record-codec.ts";
import type { Link } from "./link.ts";
import { check } from "./misuse.ts";

/** What bytes of a server have to be. */
export const asInProtocol = "as in PROTOCOL.md";

/** Members of records that are counts: by these a client numbers what it sends and takes, and sets its timers. */
const counts = /^(attach|received|first|code)$|Ms$|Bytes$/;

/**
 * Reads a control record, and lets go of a transport over which something else came. Of what carries the session, that
 * is a fault of the server, which ends it; anything else may be of something between, which another transport passes.
 */
export function readControl(link: Link, text: string): ControlRecord | undefined {
  try {
    // Last comes the record itself, under no name.
    return JSON.parse(text, (name, value: SessionRecord & number) => {
      const isCount = Number.isInteger(value) && value >= 0;
      check(name ? isCount || !counts.test(name) : isControl(value), `record ${name}`, asInProtocol, value);
      return value;
    }) as ControlRecord;
  } catch (error) {
    link.detach(link.session.carrier === link ? fault : lost, String(error));
    return undefined;
  }
}

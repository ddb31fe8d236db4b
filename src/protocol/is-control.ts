import type { ControlRecord } from "./control-record.ts";
import type { SessionRecord } from "./record-codec.ts";

/** Tells a control record from a message. */
export function isControl(record: SessionRecord): record is ControlRecord {
  return !!(record as Partial<ControlRecord>).type;
}
